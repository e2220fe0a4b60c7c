#!lua
-- ungrant(keys = {log, head, viewer, receipt, flood, waiting},
--         argv = {viewer id, request id, actor, reason, grant})
--   -> {'DONE', '<type> <epoch> <stream id>', 0|1 replayed} | {'NO_SUCH_GRANT'}
--
-- log, head as in shared/ledger.lua; viewer as in record_view.lua; receipt: the answer given to
-- this request, kept for an hour; flood, waiting as in shared/floods.lua.
--
-- Takes back the grant whose event has that seq; what was opened with it stays open. Atomic so that
-- no view is decided with a grant that the log says is gone.

local log, head, viewer, receipt, flood, waiting = unpack(KEYS)
local viewer_id, request, actor, reason, grant = unpack(ARGV)

-- include ledger
-- include demands
-- include acts
-- include floods

demand_viewer('viewer id', viewer_id, 'gu')
demand_staff(actor, reason)
demand('grant', grant, '^[1-9]%d*$')
demand_request(request)

local told = redis.call('GET', receipt)
if told then return {'DONE', told, 1} end

local left, is_found = {}, false
for held in string.gmatch(redis.call('HGET', viewer, 'grants') or '', '%S+') do
  if string.match(held, '@(%d+)$') == grant then
    is_found = true
  else
    left[#left + 1] = held
  end
end
if not is_found then return {'NO_SUCH_GRANT'} end

settle(now)
local answer = done(receipt, 'ungrant', 'viewer', viewer_id, 'grant', grant,
  'request', string.sub(request, 1, 12), 'actor', actor, 'reason', reason)
if #left > 0 then
  redis.call('HSET', viewer, 'grants', table.concat(left, ' '))
else
  redis.call('HDEL', viewer, 'grants')
end
return answer
