#!lua
-- close(keys = {head}, argv = {token}) -> 1
--
-- head as in shared/ledger.lua. From now on every script that writes answers CLOSED, until open.lua
-- is called with the same token, which names who is making the shard anew.
--
-- Atomic so that no event is written by a script that found the shard open.

local head = KEYS[1]
local token = ARGV[1]

if not string.find(token, '^%w+$') then error({err = 'ARGUMENT token'}) end
local format = redis.call('HGET', head, 'format')
if format and format ~= '1' then
  error({err = 'ARGUMENT format ' .. format .. ' of the ledger, this server writes 1'})
end

redis.call('HSET', head, 'closed', token)
return 1
