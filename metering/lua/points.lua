#!lua
-- points(keys = {bucket}, argv = {capacity, per second, points}) -> {spent, remaining, milliseconds}
--
-- bucket  string  until when, in milliseconds, the points spent so far are paid back; gone when all
--                 are
--
-- A full bucket holds `capacity` points, and `per second` of them come back each second. `spent` is
-- 1 when all points asked for were there, which takes them, else 0, and none is taken. `remaining`
-- are the whole points there are afterwards. `milliseconds`: until those asked for are there, or,
-- once spent, until the bucket is full. Asking for 0 points only looks; points below 0 are given back.
--
-- Atomic so that no two callers can both take the last points. The server's TIME decides. After it
-- steps back nobody waits for the time that comes twice: an empty bucket is all that is held.

local bucket = KEYS[1]
local capacity, rate, points = ARGV[1], ARGV[2], ARGV[3]

if not string.find(capacity, '^[1-9]%d*$') then error({err = 'ARGUMENT capacity'}) end
if not string.find(rate, '^[1-9]%d*$') then error({err = 'ARGUMENT per second'}) end
if not string.find(points, '^%-?%d+$') then error({err = 'ARGUMENT points'}) end

local each = 1000 / rate
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local full = now + capacity * each
local held = tonumber(redis.call('GET', bucket) or now)

-- Whatever is kept expires when it is worth nothing. Only a broom: it is worth nothing by then.
local function keep(paid_until)
  local left = string.format('%.0f', math.ceil(paid_until - now))
  redis.call('SET', bucket, string.format('%.3f', paid_until), 'PX', left)
end

-- Half a microsecond, and what it is of a point: what dividing by the rate may have lost.
local nearly = 0.0005
local function left(paid_until)
  return math.floor((full - paid_until + nearly) / each)
end

local paid_until = math.max(now, math.min(held, full))
local after = math.max(now, paid_until + points * each)
if after <= full + nearly then
  if after > now and points ~= '0' then keep(after) end
  if after == now and points ~= '0' then redis.call('DEL', bucket) end
  return {1, left(after), math.ceil(after - now)}
end
-- Else each second that passes would be compared with the clock of before the step.
if held > full then keep(full) end
return {0, left(paid_until), math.ceil(after - full - nearly)}
