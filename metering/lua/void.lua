#!lua
-- void(keys = {log, head, viewer, receipt, flood, waiting},
--      argv = {viewer id, request id, actor, reason, code, cause})
--   -> {'DONE', '<type> <epoch> <stream id>', 0|1 replayed} | {'NOT_UNLOCKED'}
--
-- log, head as in shared/ledger.lua; viewer as in record_view.lua; receipt: the answer given to
-- this request, kept for an hour; flood, waiting as in shared/floods.lua.
--
-- Gives a charged view back. Atomic so that the code is closed and the view is there again in one
-- step: a view in between would be charged twice, or refused.

local log, head, viewer, receipt, flood, waiting = unpack(KEYS)
local viewer_id, request, actor, reason, code, cause = unpack(ARGV)

-- include ledger
-- include demands
-- include acts
-- include floods

demand_viewer('viewer id', viewer_id, 'gu')
demand_staff(actor, reason)
demand_code(code)
demand('cause', cause, '^[a-z][a-z_]*$')
demand_request(request)

local told = redis.call('GET', receipt)
if told then return {'DONE', told, 1} end

local state = redis.call('HMGET', viewer, 'window', 'used', code)
local window, used, how = state[1], tonumber(state[2]), state[3]
if how ~= 'c' and how ~= 'i' then return {'NOT_UNLOCKED'} end

settle(now)
local answer = done(receipt, 'void', 'viewer', viewer_id, 'window', window, 'code', code,
  'request', string.sub(request, 1, 12), 'cause', cause, 'actor', actor, 'reason', reason)
redis.call('HDEL', viewer, code)
if used > 1 then
  redis.call('HSET', viewer, 'used', whole(used - 1))
else
  redis.call('HDEL', viewer, 'used')
end
return answer
