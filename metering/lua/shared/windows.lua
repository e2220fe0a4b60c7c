-- Which window is in force, by the shard's clock. Wants shared/ledger.lua.

-- Answers the number in force and when it ends ('-': never or not begun), or nil where the caller
-- has to compute it again. `last_window` is what the viewer was last charged in, nil for nothing.
-- A number below the last charged one would charge, or give, twice.
local function window_in_force(kind, number, starts, ends, last_window, anchor)
  local last_kind, last_number = string.match(last_window or '', '^(%u%d*)%.(%d+)$')
  last_number = last_kind == kind and tonumber(last_number) or nil
  if kind == 'L' then return 0, '-' end
  if string.sub(kind, 1, 1) == 'R' then
    if not last_number then return 0, '-' end
    local length = tonumber(string.sub(kind, 2)) * MS_PER_DAY
    local at = math.max(last_number, math.floor((now - anchor) / length))
    return at, whole(anchor + (at + 1) * length)
  end
  number = tonumber(number)
  local is_early = now < tonumber(starts) and number ~= last_number
  local is_behind = last_number and number < last_number
  if is_early or is_behind or now >= tonumber(ends) then return nil end
  return number, ends
end

-- Makes `window` the viewer's and sets the fields given, names and values in turn. What outlives a
-- window is written back, the codes opened in it are not. One HSET: each is a record of the file.
local function open_window(viewer, window, last_window, anchor, ...)
  if last_window == window then
    redis.call('HSET', viewer, ...)
    return
  end
  if last_window then
    local names = {'assignment', 'admitted', 'grants', 'blocked', 'adopted'}
    local kept = redis.call('HMGET', viewer, unpack(names))
    redis.call('UNLINK', viewer)
    for index, name in ipairs(names) do
      if kept[index] then redis.call('HSET', viewer, name, kept[index]) end
    end
  end
  if string.sub(window, 1, 1) ~= 'R' then
    redis.call('HSET', viewer, 'window', window, ...)
    return
  end
  local is_same = string.match(last_window or '', '^(R%d+)%.') == string.match(window, '^(R%d+)%.')
  if not is_same then anchor = now end
  redis.call('HSET', viewer, 'window', window, 'anchor', whole(anchor), ...)
end
