#!lua
-- import_view(keys = {log, head, viewer, receipt, flood, waiting [, network]},
--             argv = {viewer id, viewer kind, plan, assignment, window, code, outcome, used, limit,
--                     budget met, context, request id, at, answer [, network swept at]})
--   -> {'IMPORTED' | 'KNOWN', 0|1 over granted, 0|1 over admitted}
--
-- log, head as in shared/ledger.lua; viewer, network as in record_view.lua, network given only when
-- the view admitted its guest; receipt: the answer given to this request, kept for an hour; flood,
-- waiting as in shared/floods.lua.
--
-- A view that was decided elsewhere while this store was away, at `at` in milliseconds, and
-- answered with `answer`: it is recorded as it was decided, whatever is known here. KNOWN: it was
-- decided here after all, and nothing is written. Over granted: a page was shown that would have
-- been refused here. Over admitted: the network has more guests than its budget.
--
-- Atomic so that what is charged, its event and its answer exist together, and a view that was
-- decided here after all is charged once. A Lua error undoes nothing: everything that can fail
-- comes before XADD.

local log, head, viewer, receipt, flood, waiting, network = unpack(KEYS)
local viewer_id, viewer_kind, plan, assignment = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local window, code, outcome, decided_used, limit = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local met, context, request, at, answer = ARGV[10], ARGV[11], ARGV[12], ARGV[13], ARGV[14]
local swept = ARGV[15]

-- include ledger
-- include demands
-- include windows
-- include floods
-- include views

demand_view(viewer_id, viewer_kind, code, request, context, plan, assignment)
demand('window', window, '^[LDWMR]%d*%.%d+$')
demand('outcome', outcome, '^[URMLNB]$')
demand('used', decided_used, '^%d+$')
demand('limit', limit, '^%d*$')
demand('at', at, '^%d+$')
demand('answer', answer, '^[URMLNB] [01] %d+ [%d-]+ [%d-]+ i %d+%-[%w_-]+$')
if met ~= '' then demand('budget met', met, '^[%w_-]+/%d+/%d+$') end
if network then
  demand('budget met', met, '/')
  demand('network sweeping', swept, '^%d+$')
end

local state = redis.call('HMGET', viewer, 'window', 'anchor', 'used', 'assignment', 'admitted',
  'moved', code)
local last_window, anchor, used = state[1], tonumber(state[2]), tonumber(state[3] or 0)
local seen_assignment, admitted, moved, opened = tonumber(state[4] or 0), state[5], state[6], state[7]
local admitted_guests = network and tonumber(redis.call('HGET', network, 'admitted') or 0)
local budget = tonumber(string.match(met, '%d+$') or 0)
local is_open = window == last_window
local is_limited = limit ~= ''
limit = tonumber(limit)

local told = redis.call('GET', receipt)
if told == answer then
  -- Imported before, by somebody who may not have lived to count it: never counted too low.
  local is_over = outcome == 'U' and is_limited and is_open and opened and used > limit
  local is_crowded = network and admitted_guests > budget
  return {'IMPORTED', is_over and 1 or 0, is_crowded and 1 or 0}
elseif told then
  -- The reply was lost, and the reader got the other answer.
  local is_over = outcome == 'U' and string.find(told, '^[LNB]')
  return {'KNOWN', is_over and 1 or 0, 0}
end

local kind, number = string.match(window, '^(%u%d*)%.(%d+)$')
local last_kind, last_number = string.match(last_window or '', '^(%u%d*)%.(%d+)$')
local is_behind = last_kind == kind and tonumber(last_number) > tonumber(number)
-- Of a sealed guest nothing changes any more: its codes were taken over as they were.
local is_charged = outcome == 'U' and not moved and not is_behind and not (is_open and opened)
local is_admitting = is_charged and network and not admitted
local is_fence_raised = tonumber(assignment) > seen_assignment and outcome ~= 'N' and not moved
if is_charged then used = is_open and used + 1 or 1 end
if is_admitting then admitted_guests = admitted_guests + 1 end

if is_charged or is_fence_raised then settle(now) end
append('import', 'viewer', viewer_id, 'kind', viewer_kind,
  'plan', plan, 'assignment', assignment, 'window', window, 'code', code,
  'outcome', outcome, 'used', decided_used, 'limit', is_limited and whole(limit) or '',
  'network', met, 'request', string.sub(request, 1, 12), 'context', context, 'at', at)
redis.call('SET', receipt, answer, 'PX', RECEIPT_MS)

if is_charged then
  open_window(viewer, window, last_window, anchor, 'used', whole(used), code, 'i')
  if string.sub(kind, 1, 1) == 'R' and last_kind ~= kind then
    redis.call('HSET', viewer, 'anchor', at)
  end
end
if is_admitting then
  redis.call('HSET', viewer, 'admitted', '1')
  redis.call('HSET', network, 'admitted', whole(admitted_guests))
  -- Only a broom, as in record_view.lua.
  redis.call('PEXPIREAT', network, swept)
end
if is_fence_raised then redis.call('HSET', viewer, 'assignment', assignment) end

local is_over_granted = is_charged and is_limited and used > limit
return {'IMPORTED', is_over_granted and 1 or 0, is_admitting and admitted_guests > budget and 1 or 0}
