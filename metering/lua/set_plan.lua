#!lua
-- set_plan(keys = {log, head, viewer, receipt, flood, waiting},
--          argv = {viewer id, request id, actor, reason, viewer kind, plan, assignment})
--   -> {'DONE', '<type> <epoch> <stream id>', 0|1 replayed}
--    | {'UNCHANGED'} | {'STALE_ASSIGNMENT'}
--
-- log, head as in shared/ledger.lua; viewer as in record_view.lua; receipt: the answer given to
-- this request, kept for an hour; flood, waiting as in shared/floods.lua.
--
-- Fences off decisions under older assignments of the viewer's plan. Atomic so that no view under
-- the old plan is decided after the event that ended it.

local log, head, viewer, receipt, flood, waiting = unpack(KEYS)
local viewer_id, request, actor, reason, viewer_kind, plan, assignment = unpack(ARGV)

-- include ledger
-- include demands
-- include acts
-- include floods

demand_viewer('viewer id', viewer_id, 'gu')
demand_staff(actor, reason)
demand('viewer kind', viewer_kind, '^[GRSPT]$')
demand('plan', plan, '^[a-z][a-z0-9_-]*%.%d+$')
demand('assignment', assignment, '^%d+$')
demand_request(request)

local told = redis.call('GET', receipt)
if told then return {'DONE', told, 1} end

local seen = tonumber(redis.call('HGET', viewer, 'assignment') or 0)
if tonumber(assignment) < seen then return {'STALE_ASSIGNMENT'} end
if tonumber(assignment) == seen then return {'UNCHANGED'} end

settle(now)
local answer = done(receipt, 'plan', 'viewer', viewer_id, 'kind', viewer_kind, 'plan', plan,
  'assignment', whole(assignment), 'request', string.sub(request, 1, 12),
  'actor', actor, 'reason', reason)
redis.call('HSET', viewer, 'assignment', whole(assignment))
return answer
