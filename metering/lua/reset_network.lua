#!lua
-- reset_network(keys = {log, head, network, receipt}, argv = {request id, actor, reason})
--   -> {'DONE', '<type> <epoch> <stream id>', 0|1 replayed} | {'UNCHANGED'}
--
-- log, head as in shared/ledger.lua; network: guests admitted; receipt: the answer given to this
-- request, kept for an hour.
--
-- Lets a network's budget begin anew; guests that it admitted stay admitted. Atomic so that no guest
-- is admitted between the event and the end of the count.

local log, head, network, receipt = unpack(KEYS)
local request, actor, reason = unpack(ARGV)

-- include ledger
-- include demands
-- include acts

demand_request(request)
demand_staff(actor, reason)

local told = redis.call('GET', receipt)
if told then return {'DONE', told, 1} end
if redis.call('EXISTS', network) == 0 then return {'UNCHANGED'} end

local answer = done(receipt, 'reset', 'network', string.match(network, '[^:]+$'),
  'request', string.sub(request, 1, 12), 'actor', actor, 'reason', reason)
redis.call('UNLINK', network)
return answer
