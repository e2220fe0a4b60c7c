#!lua
-- rate(keys = {tries}, argv = {burst, milliseconds}) -> milliseconds to wait, 0 for let through
--
-- tries  string  until when, in milliseconds, the tries so far are paid for; gone when all are
--
-- A full burst may be tried at once, then one more whenever another `milliseconds` have passed.
-- One that is let through is spent by the same call; one that is not spends nothing.
--
-- Atomic so that no two callers can both see the last try free. The server's TIME decides. After it
-- steps back nobody waits for the time that comes twice: all of the burst counts as spent, no more.

local tries = KEYS[1]
local burst, each = ARGV[1], ARGV[2]

if not string.find(burst, '^[1-9]%d*$') then error({err = 'ARGUMENT burst'}) end
if not string.find(each, '^[1-9]%d*$') then error({err = 'ARGUMENT milliseconds'}) end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = tonumber(redis.call('GET', tries) or now)
local full = now + burst * each

-- Whatever is kept expires when it is worth nothing. Only a broom: it is worth nothing by then.
local function keep(paid_until)
  local left = string.format('%.0f', paid_until - now)
  redis.call('SET', tries, string.format('%.0f', paid_until), 'PX', left)
end

local paid_until = math.max(now, math.min(held, full)) + each
if paid_until <= full then
  keep(paid_until)
  return 0
end
-- Else each second that passes would be compared with the clock of before the step.
if held > full then keep(full) end
return paid_until - full
