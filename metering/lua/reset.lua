#!lua
-- reset(keys = {log, head, viewer, receipt, flood, waiting},
--       argv = {viewer id, request id, actor, reason})
--   -> {'DONE', '<type> <epoch> <stream id>', 0|1 replayed} | {'UNCHANGED'}
--
-- log, head as in shared/ledger.lua; viewer as in record_view.lua; receipt: the answer given to
-- this request, kept for an hour; flood, waiting as in shared/floods.lua.
--
-- Lets the viewer's window begin anew: nothing used, nothing open. Atomic so that a view is decided
-- before all of it or after all of it.

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

if redis.call('HEXISTS', viewer, 'window') == 0 then return {'UNCHANGED'} end

settle(now)
local answer = done(receipt, 'reset', 'viewer', viewer_id,
  'request', string.sub(request, 1, 12), 'actor', actor, 'reason', reason)
for _, name in ipairs(redis.call('HKEYS', viewer)) do
  if name == 'window' or name == 'anchor' or name == 'used' or string.find(name, ':', 1, true) then
    redis.call('HDEL', viewer, name)
  end
end
return answer
