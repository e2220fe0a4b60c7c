#!lua
-- seal(keys = {log, head, viewer, receipt, flood, waiting},
--      argv = {viewer id, request id, account id, most codes})
--   -> {'DONE', '<type> <epoch> <stream id>', 0|1 replayed, codes}
--    | {'UNCHANGED', '', 0, codes} | {'SEALED_FOR_ANOTHER'}
--
-- log, head as in shared/ledger.lua; viewer as in record_view.lua; receipt: the answer given to
-- this request, kept for an hour; flood, waiting as in shared/floods.lua.
--
-- Makes a guest open nothing any more, and tells what its account may take over: `<system>:<value>`,
-- a blank between, sorted. Told again however often it is asked, so that a carry-over that was cut
-- off in the middle can be finished. Atomic so that no view of the guest slips in between the mark
-- and the list.

local log, head, viewer, receipt, flood, waiting = unpack(KEYS)
local viewer_id, request, account, most = unpack(ARGV)

-- include ledger
-- include demands
-- include acts
-- include floods

demand_viewer('viewer id', viewer_id, 'g')
demand_viewer('account id', account, 'u')
demand('most codes', most, '^%d+$')
demand_request(request)

local codes = {}
for _, name in ipairs(redis.call('HKEYS', viewer)) do
  if string.find(name, ':', 1, true) then codes[#codes + 1] = name end
end
table.sort(codes)
local listed = table.concat(codes, ' ', 1, math.min(#codes, tonumber(most)))

local told = redis.call('GET', receipt)
if told then return {'DONE', told, 1, listed} end
local moved = redis.call('HGET', viewer, 'moved')
if moved == account then return {'UNCHANGED', '', 0, listed} end
if moved then return {'SEALED_FOR_ANOTHER'} end

settle(now)
local answer = done(receipt, 'seal', 'viewer', viewer_id, 'to', account, 'codes', listed,
  'request', string.sub(request, 1, 12))
redis.call('HSET', viewer, 'moved', account)
answer[4] = listed
return answer
