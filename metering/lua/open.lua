#!lua
-- open(keys = {log, head}, argv = {token, epoch, seq, earliest, cause, proven})
--   -> stream id of the event | '' when the shard was closed by another meanwhile
--
-- log, head as in shared/ledger.lua. Opens the shard that close.lua closed with that token, in a
-- new epoch that begins with event `seq`, not before `earliest` in milliseconds.
--
-- Atomic so that no event of the new epoch comes before the one that opens it. Called again after
-- a lost reply it answers the same.

local log, head = unpack(KEYS)
local token, epoch, seq, earliest, cause, proven = unpack(ARGV)

local function whole(ms)
  return string.format('%.0f', ms)
end

local function demand(name, value, pattern)
  if not value or not string.find(value, pattern) then error({err = 'ARGUMENT ' .. name}) end
end

demand('epoch', epoch, '^[1-9]%d*$')
demand('seq', seq, '^[1-9]%d*$')
demand('earliest', earliest, '^%d+$')
demand('cause', cause, '^[a-z][a-z_]*$')
demand('proven', proven, '^%d+$')

local last = redis.call('HMGET', head, 'closed', 'epoch', 'seq', 'at')
if not last[1] and last[2] == epoch and last[3] == seq then return last[4] .. '-' .. seq end
if last[1] ~= token then return '' end

local time = redis.call('TIME')
local now = math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(earliest))
now = math.max(now, tonumber(last[4] or 0))
-- The stream takes no id behind the last it ever had, even of an entry that is gone.
if redis.call('EXISTS', log) == 1 then
  local told = redis.call('XINFO', 'STREAM', log)
  for index = 1, #told, 2 do
    if told[index] == 'last-generated-id' then
      now = math.max(now, tonumber(string.match(told[index + 1], '^%d+')))
    end
  end
end

local id = whole(now) .. '-' .. seq
redis.call('XADD', log, id, 'type', 'epoch', 'epoch', epoch, 'cause', cause, 'proven', proven)
redis.call('DEL', head)
redis.call('HSET', head, 'format', '1', 'seq', seq, 'epoch', epoch, 'at', whole(now))
return id
