#!lua
-- record_view(keys = {log, head, viewer, receipt [, network]},
--             argv = {viewer id, viewer kind, code, request id, context,
--                     plan, assignment, limit, window kind, window number, starts, ends
--                     [, budget, period, period length]})
--   -> {'DECIDED', answer, 0|1 replayed}
--    | {'GUEST_SEALED'} | {'STALE_ASSIGNMENT'} | {'NETWORK_EXPIRED'}
--    | {'STALE_WINDOW', now, last window or ''}
--
-- log     stream  every event of this shard, oldest first; ids are <milliseconds>-<seq>
-- head    hash    format, seq, epoch and at of the last event
-- viewer  hash    what the viewer has used and opened, field by field in docs/events.md
-- receipt string  the answer given to this request, kept for an hour
-- network hash    guests admitted; given only when the viewer is a guest that counts
--
-- answer: 'outcome charged used limit resets epoch <milliseconds>-<seq>', '-' for none.
-- limit '' is unlimited; starts and ends are milliseconds, '' for kinds that need none.
--
-- Atomic so that no two views can both see the last place free, and so that no answer exists
-- without its event. A Lua error undoes nothing: everything that can fail comes before XADD.

local RECEIPT_MS = 3600000
local MS_PER_DAY = 86400000

local log, head, viewer, receipt, network = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local viewer_id, viewer_kind, code, request, context = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local plan, assignment, limit = ARGV[6], ARGV[7], ARGV[8]
local kind, number, starts, ends = ARGV[9], ARGV[10], ARGV[11], ARGV[12]
local budget, period, period_ms = ARGV[13], ARGV[14], ARGV[15]

local function refuse(reason)
  error({err = 'ARGUMENT ' .. reason})
end

local function demand(name, value, pattern)
  if not value or not string.find(value, pattern) then refuse(name) end
end

local function whole(ms)
  return string.format('%.0f', ms)
end

if #viewer_id ~= 23 then refuse('viewer id') end
if #request ~= 22 then refuse('request id') end
if #code > 40 then refuse('code') end
demand('viewer id', viewer_id, '^[gu][%w_-]+$')
demand('request id', request, '^[%w_-]+$')
demand('viewer kind', viewer_kind, string.sub(viewer_id, 1, 1) == 'g' and '^G$' or '^[RSPT]$')
demand('code', code, '^[A-Z0-9_]+:[A-Z0-9-]+$')
if #context > 20 then refuse('context') end
-- Lua has no optional groups.
if not string.find(context, '^[bapo][seto]?[1-8]?$') then
  demand('context', context, '^[bapo][seto]?[1-8]?/[%w_-]+$')
end
demand('plan', plan, '^[a-z][a-z0-9_-]*%.%d+$')
demand('assignment', assignment, '^%d+$')
demand('limit', limit, '^%d*$')
if kind == 'D' or kind == 'W' or kind == 'M' then
  demand('window number', number, '^%d+$')
  demand('window start', starts, '^%d+$')
  demand('window end', ends, '^%d+$')
elseif kind ~= 'L' then
  demand('window kind', kind, '^R[1-9]%d*$')
end
if network then
  demand('budget', budget, '^%d+$')
  demand('period', period, '^%d+$')
  demand('period length', period_ms, '^[1-9]%d*$')
end

local told = redis.call('GET', receipt)
if told then return {'DECIDED', told, 1} end

local state = redis.call('HMGET', viewer,
  'window', 'anchor', 'used', 'assignment', 'admitted', 'grants', 'blocked', 'moved', 'adopted',
  code)
local last_window, anchor, used, seen_assignment = state[1], tonumber(state[2]), state[3], state[4]
local admitted, grants, blocked, moved, adopted = state[5], state[6], state[7], state[8], state[9]
local opened = state[10]
local admitted_guests = network and tonumber(redis.call('HGET', network, 'admitted') or 0)
local last = redis.call('HMGET', head, 'format', 'seq', 'epoch', 'at')
local format, seq, epoch = last[1] or '1', tonumber(last[2] or 0), last[3] or '1'
if format ~= '1' then refuse('format ' .. format .. ' of the ledger, this server writes 1') end

-- The shard's clock never goes behind its last event: a server clock that steps back opens no
-- window a second time, and the log stays in the order of its ids.
local time = redis.call('TIME')
local now = math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(last[4] or 0))

if moved then return {'GUEST_SEALED'} end

assignment = tonumber(assignment)
seen_assignment = tonumber(seen_assignment or 0)
if assignment < seen_assignment then return {'STALE_ASSIGNMENT'} end

-- The window in force. A number below the last charged one would charge, or give, twice.
local last_kind, last_number = string.match(last_window or '', '^(%u%d*)%.(%d+)$')
last_number = last_kind == kind and tonumber(last_number) or nil
local resets = '-'
if kind == 'L' then
  number = 0
elseif string.sub(kind, 1, 1) == 'R' then
  number = 0
  local length = tonumber(string.sub(kind, 2)) * MS_PER_DAY
  if last_number then
    number = math.max(last_number, math.floor((now - anchor) / length))
    resets = whole(anchor + (number + 1) * length)
  end
else
  number = tonumber(number)
  local is_early = now < tonumber(starts) and number ~= last_number
  local is_behind = last_number and number < last_number
  if is_early or is_behind or now >= tonumber(ends) then
    return {'STALE_WINDOW', now, last_window or ''}
  end
  resets = ends
end
local window = kind .. '.' .. whole(number)
local is_open = window == last_window
used = is_open and tonumber(used) or 0

if limit ~= '' then
  limit = tonumber(limit)
  for units, expires in string.gmatch(grants or '', '(%d+)@(%d+)') do
    if expires == '0' or tonumber(expires) > now then limit = limit + tonumber(units) end
  end
end

local outcome, met = nil, ''
if blocked then
  outcome = 'B'
elseif limit == '' then
  outcome = 'M'
elseif is_open and opened then
  outcome = 'R'
elseif used >= limit then
  outcome = 'L'
elseif network and not admitted then
  if tonumber(period) ~= math.floor(now / tonumber(period_ms)) then return {'NETWORK_EXPIRED'} end
  if admitted_guests < tonumber(budget) then
    outcome = 'U'
    admitted_guests = admitted_guests + 1
  else
    outcome = 'N'
  end
  met = string.match(network, '[^:]+$') .. '/' .. whole(admitted_guests) .. '/' .. budget
else
  outcome = 'U'
end

if outcome == 'U' then
  used = used + 1
  if string.sub(kind, 1, 1) == 'R' and not last_number then
    anchor = now
    resets = whole(now + tonumber(string.sub(kind, 2)) * MS_PER_DAY)
  end
end

seq = seq + 1
local id = whole(now) .. '-' .. whole(seq)
local shown = limit == '' and '-' or whole(limit)
local answer = table.concat(
  {outcome, outcome == 'U' and 1 or 0, whole(used), shown, resets, epoch, id}, ' ')

redis.call('XADD', log, id,
  'type', 'view', 'epoch', epoch, 'viewer', viewer_id, 'kind', viewer_kind,
  'plan', plan, 'assignment', whole(assignment), 'window', window, 'code', code,
  'outcome', outcome, 'used', whole(used), 'limit', limit == '' and '' or shown,
  'network', met, 'request', string.sub(request, 1, 12), 'context', context)
redis.call('HSET', head, 'format', format, 'seq', whole(seq), 'epoch', epoch, 'at', whole(now))
redis.call('SET', receipt, answer, 'PX', RECEIPT_MS)

if outcome == 'U' then
  if last_window and not is_open then
    -- What outlives a window is written back; the codes opened in it are not.
    redis.call('UNLINK', viewer)
    if seen_assignment > 0 then redis.call('HSET', viewer, 'assignment', seen_assignment) end
    if admitted then redis.call('HSET', viewer, 'admitted', admitted) end
    if grants then redis.call('HSET', viewer, 'grants', grants) end
    if adopted then redis.call('HSET', viewer, 'adopted', adopted) end
  end
  redis.call('HSET', viewer, 'window', window, 'used', whole(used), code, 'c')
  if string.sub(kind, 1, 1) == 'R' then redis.call('HSET', viewer, 'anchor', whole(anchor)) end
  if met ~= '' then
    redis.call('HSET', viewer, 'admitted', '1')
    redis.call('HSET', network, 'admitted', whole(admitted_guests))
    -- Only a broom: the place is refused by the period's number, long before this comes due.
    redis.call('PEXPIREAT', network, whole((tonumber(period) + 2) * tonumber(period_ms)))
  end
end
-- Nothing is kept of a guest that was never let in: there may be any number of them.
if assignment > seen_assignment and outcome ~= 'N' then
  redis.call('HSET', viewer, 'assignment', whole(assignment))
end

return {'DECIDED', answer, 0}
