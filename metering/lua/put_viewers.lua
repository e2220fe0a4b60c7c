#!lua
-- put_viewers(keys = {head, viewer, ...}, argv = {token, then for each viewer: number, that many
--             names and values in turn}) -> 1 | 0 when the shard was not closed with that token
--
-- head as in shared/ledger.lua; viewer as in record_view.lua. Makes each viewer's hash hold those
-- fields and no other.
--
-- Atomic so that nobody writes into a shard that another has opened meanwhile.

local token = ARGV[1]
if redis.call('HGET', KEYS[1], 'closed') ~= token then return 0 end

-- Lua hands over some thousand values at once at most.
local AT_ONCE = 1000
local place = 2
for index = 2, #KEYS do
  local number = tonumber(ARGV[place])
  redis.call('UNLINK', KEYS[index])
  for first = place + 1, place + number, AT_ONCE do
    local last = math.min(first + AT_ONCE - 1, place + number)
    redis.call('HSET', KEYS[index], unpack(ARGV, first, last))
  end
  place = place + number + 1
end
return 1
