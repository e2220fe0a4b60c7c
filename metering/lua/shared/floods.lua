-- Floods of repeats and refusals, counted into one event a minute. Wants shared/ledger.lua and
-- `viewer_id`, `flood` and `waiting` as locals.
--
-- flood    hash  one viewer's hour: `until`, when it ends; `refused`, how many refusals it had;
--                <system>:<value>, how many repeats of that code; and what waits to be recorded:
--                '+' and the outcome, for repeats the code too -> the fields of the event
-- waiting  set   ids of the shard's viewers for whom something waits
--
-- What is counted answers like any view, but its receipt is kept only as long as a lost reply is
-- asked for again: a flood must not fill the store.

local LOGGED_ONE_BY_ONE = 20
local HOUR_MS = 3600000
local MINUTE_MS = 60000
local COUNTED_RECEIPT_MS = 10000

local function write_counted(held)
  local count, first, outcome, viewer_kind, plan, assignment, window, used, limit, network, code,
    request, context = string.match(held, '^' .. string.rep('(%S+) ', 12) .. '(%S+)$')
  append('view', 'viewer', viewer_id, 'kind', viewer_kind, 'plan', plan, 'assignment', assignment,
    'window', window, 'code', code, 'outcome', outcome, 'used', used,
    'limit', limit == '-' and '' or limit, 'network', network == '-' and '' or network,
    'request', request, 'context', context, 'count', count .. '@' .. first)
end

-- Records what waits, if it began at `latest` or before; all of it for `now`. Every change of the
-- viewer's state comes after what was decided before it: the log then still says why each view
-- ended as it did.
local function settle(latest)
  -- A clock that stepped back shows less than when the counting began.
  if latest >= now then latest = math.huge end
  if redis.call('SISMEMBER', waiting, viewer_id) == 0 then return end
  local held = redis.call('HGETALL', flood)
  local is_left, ends = false, nil
  for index = 1, #held, 2 do
    local name, value = held[index], held[index + 1]
    if name == 'until' then ends = value end
    if string.sub(name, 1, 1) == '+' then
      if tonumber(string.match(value, '^%d+ (%d+)')) <= latest then
        write_counted(value)
        redis.call('HDEL', flood, name)
      else
        is_left = true
      end
    end
  end
  if is_left then return end
  redis.call('SREM', waiting, viewer_id)
  redis.call('PEXPIREAT', flood, ends)
end

-- How many views of its kind the viewer's hour has had, this one included, and what waits of them.
-- Read first, so that one HSET does for the hour and the number.
local function seen_this_hour(name, waits)
  local held = redis.call('HMGET', flood, 'until', name, waits)
  if held[1] and now >= tonumber(held[1]) then
    settle(now)
    redis.call('UNLINK', flood)
    held = {false, false, false}
  end
  local seen = (held[2] or 0) + 1
  if held[1] then
    redis.call('HSET', flood, name, whole(seen))
  else
    local ends = whole(now + HOUR_MS)
    redis.call('HSET', flood, 'until', ends, name, whole(seen))
    redis.call('PEXPIREAT', flood, ends)
  end
  return seen, held[3]
end

-- Counts the view into what waits. `group` is what the event will say of all of them, `one` what it
-- says of the first.
local function count_in(waits, held, group, one)
  local count, first, rest
  if held then count, first, rest = string.match(held, '^(%d+) (%d+) (.+)$') end
  local is_same = rest and string.sub(rest, 1, #group + 1) == group .. ' '
  if is_same and now - tonumber(first) < MINUTE_MS then
    redis.call('HSET', flood, waits, whole(count + 1) .. ' ' .. first .. ' ' .. rest)
    return
  end
  if rest then write_counted(held) end
  redis.call('HSET', flood, waits, '1 ' .. now_text .. ' ' .. group .. ' ' .. one)
  redis.call('SADD', waiting, viewer_id)
  redis.call('PERSIST', flood)
end
