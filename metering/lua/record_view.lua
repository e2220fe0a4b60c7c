#!lua
-- record_view(keys = {log, head, viewer, receipt, flood, waiting [, network]},
--             argv = {viewer id, viewer kind, code, request id, context,
--                     plan, assignment, limit, window kind, window number, starts, ends
--                     [, budget, period, period length]})
--   -> {'DECIDED', answer, 0|1 replayed}
--    | {'GUEST_SEALED'} | {'STALE_ASSIGNMENT'} | {'NETWORK_EXPIRED'}
--    | {'STALE_WINDOW', now, last window or ''}
--
-- log     stream  every event of this shard, oldest first; ids are <milliseconds>-<seq>
-- head    hash    as in shared/ledger.lua
-- viewer  hash    what the viewer has used and opened, field by field in docs/events.md
-- receipt string  the answer given to this request, kept for an hour
-- flood, waiting  as in shared/floods.lua
-- network hash    guests admitted; given only when the viewer is a guest that counts
--
-- answer: 'outcome charged used limit resets epoch <milliseconds>-<seq>', '-' for none; the seq is
-- '*' where the view is counted and its event comes later.
-- limit '' is unlimited; starts and ends are milliseconds, '' for kinds that need none.
--
-- Atomic so that no two views can both see the last place free, and so that no answer exists
-- without its event. A Lua error undoes nothing: everything that can fail comes before XADD.

local log, head, viewer, receipt, flood, waiting, network = unpack(KEYS)
local viewer_id, viewer_kind, code, request, context = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local plan, assignment, limit = ARGV[6], ARGV[7], ARGV[8]
local kind, number, starts, ends = ARGV[9], ARGV[10], ARGV[11], ARGV[12]
local budget, period, period_ms = ARGV[13], ARGV[14], ARGV[15]

-- include ledger
-- include windows
-- include floods

-- Nearly every call is plain, and one look at all its arguments tells. To make the functions that
-- look at them one by one, and to call them, took 22,000 of the 310,000 instructions of a view.
-- Nothing is plain that these would refuse; the rest is theirs.
local is_plain = #ARGV == (network and 15 or 12)
  and string.find(table.concat(ARGV, ' ', 1, 12), '^[gu][%w_-]+ [GRSPT] [A-Z0-9_]+:[A-Z0-9-]+'
    .. ' [%w_-]+ [bapo][seto]?[1-8]? [a-z][a-z0-9_-]*%.%d+ %d+ %d* [LDWM] %d+ %d+ %d*$')
  and #viewer_id == 23 and #request == 22 and #code <= 40
  and (string.sub(viewer_id, 1, 1) == 'g') == (viewer_kind == 'G')
  and (kind == 'L' or ends ~= '')
  and (not network or string.find(table.concat(ARGV, ' ', 13), '^%d+ %d+ [1-9]%d*$'))
if not is_plain then
  -- include demands
  -- include views
  demand_view(viewer_id, viewer_kind, code, request, context, plan, assignment)
  demand('limit', limit, '^%d*$')
  demand_window(kind, number, starts, ends)
  if network then
    demand('budget', budget, '^%d+$')
    demand('period', period, '^%d+$')
    demand('period length', period_ms, '^[1-9]%d*$')
  end
end

local told = redis.call('GET', receipt)
if told then return {'DECIDED', told, 1} end

local state = redis.call('HMGET', viewer,
  'window', 'anchor', 'used', 'assignment', 'admitted', 'grants', 'blocked', 'moved', code)
local last_window, anchor, used, seen_assignment = state[1], tonumber(state[2]), state[3], state[4]
local admitted, grants, blocked, moved, opened = state[5], state[6], state[7], state[8], state[9]
local admitted_guests = network and tonumber(redis.call('HGET', network, 'admitted') or 0)

if moved then return {'GUEST_SEALED'} end

assignment = tonumber(assignment)
seen_assignment = tonumber(seen_assignment or 0)
if assignment < seen_assignment then return {'STALE_ASSIGNMENT'} end

local resets
number, resets = window_in_force(kind, number, starts, ends, last_window, anchor)
if not number then return {'STALE_WINDOW', now, last_window or ''} end
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
  if string.sub(kind, 1, 1) == 'R' and resets == '-' then
    resets = whole(now + tonumber(string.sub(kind, 2)) * MS_PER_DAY)
  end
end

-- From here on numbers are text, made once each.
local is_fence_raised = assignment > seen_assignment and outcome ~= 'N'
assignment, used = whole(assignment), whole(used)
local shown = limit == '' and '-' or whole(limit)
local short_request = string.sub(request, 1, 12)
local told_first = outcome .. (outcome == 'U' and ' 1 ' or ' 0 ') .. used .. ' ' .. shown .. ' '
  .. resets .. ' ' .. epoch .. ' '

if outcome == 'U' or is_fence_raised then
  settle(now)
elseif outcome ~= 'M' then
  local name = outcome == 'R' and code or 'refused'
  local waits = outcome == 'R' and '+R' .. code or '+' .. outcome
  local seen, held = seen_this_hour(name, waits)
  if seen > LOGGED_ONE_BY_ONE then
    count_in(waits, held,
      table.concat({outcome, viewer_kind, plan, assignment, window, used, shown,
        met == '' and '-' or met}, ' '),
      table.concat({code, short_request, context}, ' '))
    local counted = told_first .. now_text .. '-*'
    redis.call('SET', receipt, counted, 'PX', COUNTED_RECEIPT_MS)
    return {'DECIDED', counted, 0}
  end
end

local id = append('view', 'viewer', viewer_id, 'kind', viewer_kind,
  'plan', plan, 'assignment', assignment, 'window', window, 'code', code,
  'outcome', outcome, 'used', used, 'limit', limit == '' and '' or shown,
  'network', met, 'request', short_request, 'context', context)
local answer = told_first .. id
redis.call('SET', receipt, answer, 'PX', RECEIPT_MS)

if outcome == 'U' then
  local fields = {'used', used, code, 'c'}
  if met ~= '' then
    fields[#fields + 1], fields[#fields + 2] = 'admitted', '1'
    redis.call('HSET', network, 'admitted', whole(admitted_guests))
    -- Only a broom: the place is refused by the period's number, long before this comes due.
    redis.call('PEXPIREAT', network, whole((tonumber(period) + 2) * tonumber(period_ms)))
  end
  open_window(viewer, window, last_window, anchor, unpack(fields))
end
-- Nothing is kept of a guest that was never let in: there may be any number of them.
if is_fence_raised then redis.call('HSET', viewer, 'assignment', assignment) end

return {'DECIDED', answer, 0}
