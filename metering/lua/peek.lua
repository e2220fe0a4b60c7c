#!lua flags=no-writes
-- peek(keys = {head, hash ...}, argv = {field ...})
--   -> {now, head, hash ...}
--
-- head  hash  as in record_view.lua
-- hash        a viewer or a network of the same shard
-- A hash answers its fields and values in turn; with fields given, those values in that order,
-- nil for what is not there. now is the shard's clock in milliseconds.
--
-- Atomic so that what is read of a hash is exactly what the log says up to seq, under any load.

local time = redis.call('TIME')
local last = redis.call('HGET', KEYS[1], 'at')
local now = math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(last or 0))

local answer = {now, redis.call('HGETALL', KEYS[1])}
for index = 2, #KEYS do
  if #ARGV > 0 then
    answer[index + 1] = redis.call('HMGET', KEYS[index], unpack(ARGV))
  else
    answer[index + 1] = redis.call('HGETALL', KEYS[index])
  end
end
return answer
