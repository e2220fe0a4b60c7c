#!lua
-- import_view(keys = {log, head, viewer, receipt [, network]},
--             argv = {viewer id, viewer kind, plan, assignment, window, code, outcome, used, limit,
--                     budget met, context, request id, at, answer [, network swept at]})
--   -> {'IMPORTED' | 'KNOWN', 0|1 over granted, 0|1 over admitted}
--
-- log     stream  every event of this shard, oldest first; ids are <milliseconds>-<seq>
-- head    hash    format, seq, epoch and at of the last event
-- viewer  hash    what the viewer has used and opened, field by field in docs/events.md
-- receipt string  the answer given to this request, kept for an hour
-- network hash    guests admitted; given only when the view admitted its guest
--
-- A view that was decided elsewhere while this store was away, at `at` in milliseconds, and
-- answered with `answer`: it is recorded as it was decided, whatever is known here. KNOWN: it was
-- decided here after all, and nothing is written. Over granted: a page was shown that would have
-- been refused here. Over admitted: the network has more guests than its budget.
--
-- Atomic so that what is charged, its event and its answer exist together, and a view that was
-- decided here after all is charged once. A Lua error undoes nothing: everything that can fail
-- comes before XADD.

local RECEIPT_MS = 3600000

local log, head, viewer, receipt, network = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local viewer_id, viewer_kind, plan, assignment = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local window, code, outcome, decided_used, limit = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local met, context, request, at, answer = ARGV[10], ARGV[11], ARGV[12], ARGV[13], ARGV[14]
local swept = ARGV[15]

local function refuse(reason)
  error({err = 'ARGUMENT ' .. reason})
end

local function demand(name, value, pattern)
  if not value or not string.find(value, pattern) then refuse(name) end
end

local function whole(number)
  return string.format('%.0f', number)
end

if #viewer_id ~= 23 then refuse('viewer id') end
if #request ~= 22 then refuse('request id') end
if #code > 40 then refuse('code') end
demand('viewer id', viewer_id, '^[gu][%w_-]+$')
demand('viewer kind', viewer_kind, string.sub(viewer_id, 1, 1) == 'g' and '^G$' or '^[RSPT]$')
demand('plan', plan, '^[a-z][a-z0-9_-]*%.%d+$')
demand('assignment', assignment, '^%d+$')
demand('window', window, '^[LDWMR]%d*%.%d+$')
demand('code', code, '^[A-Z0-9_]+:[A-Z0-9-]+$')
demand('outcome', outcome, '^[URMLNB]$')
demand('used', decided_used, '^%d+$')
demand('limit', limit, '^%d*$')
if #context > 20 then refuse('context') end
-- Lua has no optional groups.
if not string.find(context, '^[bapo][seto]?[1-8]?$') then
  demand('context', context, '^[bapo][seto]?[1-8]?/[%w_-]+$')
end
demand('request id', request, '^[%w_-]+$')
demand('at', at, '^%d+$')
demand('answer', answer, '^[URMLNB] [01] %d+ [%d-]+ [%d-]+ i %d+%-[%w_-]+$')
if met ~= '' then demand('budget met', met, '^[%w_-]+/%d+/%d+$') end
if network then
  demand('budget met', met, '/')
  demand('network sweeping', swept, '^%d+$')
end

local state = redis.call('HMGET', viewer,
  'window', 'anchor', 'used', 'assignment', 'admitted', 'grants', 'blocked', 'moved', 'adopted',
  code)
local last_window, anchor, used, seen_assignment = state[1], state[2], state[3], state[4]
local admitted, grants, blocked, moved, adopted = state[5], state[6], state[7], state[8], state[9]
local opened = state[10]
local admitted_guests = network and tonumber(redis.call('HGET', network, 'admitted') or 0)
local last = redis.call('HMGET', head, 'format', 'seq', 'epoch', 'at')
local format, seq, epoch = last[1] or '1', tonumber(last[2] or 0), last[3] or '1'
if format ~= '1' then refuse('format ' .. format .. ' of the ledger, this server writes 1') end
local is_open = window == last_window
used = tonumber(used or 0)

local budget = tonumber(string.match(met, '%d+$') or 0)

local told = redis.call('GET', receipt)
if told == answer then
  -- Imported before, by somebody who may not have lived to count it: never counted too low.
  local is_over = outcome == 'U' and limit ~= '' and is_open and opened and used > tonumber(limit)
  local is_crowded = network and admitted_guests > budget
  return {'IMPORTED', is_over and 1 or 0, is_crowded and 1 or 0}
elseif told then
  -- The reply was lost, and the reader got the other answer.
  local is_over = string.find(outcome, '[URM]') and string.find(told, '^[LNB]')
  return {'KNOWN', is_over and 1 or 0, 0}
end

local time = redis.call('TIME')
local now = math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(last[4] or 0))

local kind, number = string.match(window, '^(%u%d*)%.(%d+)$')
local last_kind, last_number = string.match(last_window or '', '^(%u%d*)%.(%d+)$')
local is_behind = last_kind == kind and tonumber(last_number) > tonumber(number)
-- Of a sealed guest nothing changes any more: its codes were taken over as they were.
local is_unlock = outcome == 'U' and not moved
local is_charged = is_unlock and not is_behind and not (is_open and opened)
local is_admitting = is_unlock and network and not admitted
if is_charged then used = is_open and used + 1 or 1 end
if is_admitting then admitted_guests = admitted_guests + 1 end
local is_over_granted = is_charged and limit ~= '' and used > tonumber(limit)
local is_over_admitted = is_admitting and admitted_guests > budget

seq = seq + 1
redis.call('XADD', log, whole(now) .. '-' .. whole(seq),
  'type', 'import', 'epoch', epoch, 'viewer', viewer_id, 'kind', viewer_kind,
  'plan', plan, 'assignment', assignment, 'window', window, 'code', code,
  'outcome', outcome, 'used', decided_used, 'limit', limit, 'network', met,
  'request', string.sub(request, 1, 12), 'context', context, 'at', at)
redis.call('HSET', head, 'format', format, 'seq', whole(seq), 'epoch', epoch, 'at', whole(now))
redis.call('SET', receipt, answer, 'PX', RECEIPT_MS)

if is_charged then
  if last_window and not is_open then
    -- What outlives a window is written back; the codes opened in it are not.
    redis.call('UNLINK', viewer)
    if seen_assignment then redis.call('HSET', viewer, 'assignment', seen_assignment) end
    if admitted then redis.call('HSET', viewer, 'admitted', admitted) end
    if grants then redis.call('HSET', viewer, 'grants', grants) end
    if blocked then redis.call('HSET', viewer, 'blocked', blocked) end
    if adopted then redis.call('HSET', viewer, 'adopted', adopted) end
  end
  redis.call('HSET', viewer, 'window', window, 'used', whole(used), code, 'i')
  if string.sub(kind, 1, 1) == 'R' then
    redis.call('HSET', viewer, 'anchor', last_kind == kind and anchor or at)
  end
end
if is_admitting then
  redis.call('HSET', viewer, 'admitted', '1')
  redis.call('HSET', network, 'admitted', whole(admitted_guests))
  redis.call('PEXPIREAT', network, swept)
end
if tonumber(assignment) > tonumber(seen_assignment or 0) and outcome ~= 'N' and not moved then
  redis.call('HSET', viewer, 'assignment', assignment)
end

return {'IMPORTED', is_over_granted and 1 or 0, is_over_admitted and 1 or 0}
