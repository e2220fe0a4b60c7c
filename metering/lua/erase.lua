#!lua
-- erase(keys = {log, head, viewer, receipt, flood, waiting},
--       argv = {viewer id, request id, actor, reason})
--   -> {'DONE', '<type> <epoch> <stream id>', 0|1 replayed}
--
-- log, head as in shared/ledger.lua; viewer as in record_view.lua; receipt: the answer given to
-- this request, kept for an hour; flood, waiting as in shared/floods.lua.
--
-- Drops everything known of the viewer; what the log says of it is erased by the archive. Atomic so
-- that nothing of the viewer is written between the event and the end of its state.

local log, head, viewer, receipt, flood, waiting = unpack(KEYS)
local viewer_id, request, actor, reason = unpack(ARGV)

-- include ledger
-- include demands
-- include acts
-- include floods

demand_viewer('viewer id', viewer_id, 'gu')
demand_staff(actor, reason)
demand_request(request)

local told = redis.call('GET', receipt)
if told then return {'DONE', told, 1} end

settle(now)
local answer = done(receipt, 'erase', 'viewer', viewer_id,
  'request', string.sub(request, 1, 12), 'actor', actor, 'reason', reason)
redis.call('UNLINK', viewer, flood)
return answer
