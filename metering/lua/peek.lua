#!lua flags=no-writes
-- peek(keys = {head, hash}, argv = {field ...}) -> {now, {value ...}}
--
-- head  hash  as in record_view.lua
-- hash        a viewer or a network of the same shard
-- The values are in the order of the fields, nil for what is not there. now is the shard's clock
-- in milliseconds.
--
-- Atomic so that the clock is the one that decides about exactly these values.

local time = redis.call('TIME')
local last = redis.call('HGET', KEYS[1], 'at')
local now = math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(last or 0) or 0)

return {now, redis.call('HMGET', KEYS[2], unpack(ARGV))}
