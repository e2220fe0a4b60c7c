#!lua
-- grant(keys = {log, head, viewer, receipt, flood, waiting},
--       argv = {viewer id, request id, actor, reason, units, expires})
--   -> {'DONE', '<type> <epoch> <stream id>', 0|1 replayed} | {'TOO_MANY_GRANTS'}
--
-- log, head as in shared/ledger.lua; viewer as in record_view.lua; receipt: the answer given to
-- this request, kept for an hour; flood, waiting as in shared/floods.lua.
--
-- Grants views on top of the plan; expires in milliseconds, 0 for never. Atomic so that the grant
-- is known by the seq of its own event.

local log, head, viewer, receipt, flood, waiting = unpack(KEYS)
local viewer_id, request, actor, reason, units, expires = unpack(ARGV)

-- include ledger
-- include demands
-- include acts
-- include floods

demand_viewer('viewer id', viewer_id, 'gu')
demand_staff(actor, reason)
demand('units', units, '^[1-9]%d*$')
demand('expires', expires, '^%d+$')
demand_request(request)

local told = redis.call('GET', receipt)
if told then return {'DONE', told, 1} end

local GRANTS_MAX = 50
local grants = redis.call('HGET', viewer, 'grants')
local _, held = string.gsub(grants or '', '@%d+@', '')
if held >= GRANTS_MAX then return {'TOO_MANY_GRANTS'} end

settle(now)
local answer = done(receipt, 'grant', 'viewer', viewer_id, 'units', units, 'expires', expires,
  'request', string.sub(request, 1, 12), 'actor', actor, 'reason', reason)
local added = units .. '@' .. expires .. '@' .. whole(seq)
redis.call('HSET', viewer, 'grants', grants and grants .. ' ' .. added or added)
return answer
