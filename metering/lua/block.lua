#!lua
-- block(keys = {log, head, viewer, receipt, flood, waiting},
--       argv = {viewer id, request id, actor, reason, block 0|1})
--   -> {'DONE', '<type> <epoch> <stream id>', 0|1 replayed} | {'UNCHANGED'}
--
-- log, head as in shared/ledger.lua; viewer as in record_view.lua; receipt: the answer given to
-- this request, kept for an hour; flood, waiting as in shared/floods.lua.
--
-- Closes access to code pages, or opens it again. Atomic so that no view is granted after the event
-- that closed it.

local log, head, viewer, receipt, flood, waiting = unpack(KEYS)
local viewer_id, request, actor, reason, block = unpack(ARGV)

-- include ledger
-- include demands
-- include acts
-- include floods

demand_viewer('viewer id', viewer_id, 'gu')
demand_staff(actor, reason)
demand('block', block, '^[01]$')
demand_request(request)

local told = redis.call('GET', receipt)
if told then return {'DONE', told, 1} end

local is_blocked = redis.call('HEXISTS', viewer, 'blocked') == 1
if is_blocked == (block == '1') then return {'UNCHANGED'} end

settle(now)
local answer = done(receipt, block == '1' and 'block' or 'unblock', 'viewer', viewer_id,
  'request', string.sub(request, 1, 12), 'actor', actor, 'reason', reason)
if block == '1' then
  redis.call('HSET', viewer, 'blocked', '1')
else
  redis.call('HDEL', viewer, 'blocked')
end
return answer
