#!lua
-- adopt(keys = {log, head, viewer, receipt, flood, waiting},
--       argv = {viewer id, request id, guest id, codes, assignment,
--               window kind, window number, starts, ends, 0|1 unlimited})
--   -> {'DONE', '<type> <epoch> <stream id>', 0|1 replayed}
--    | {'UNCHANGED'} | {'TOO_MANY_GUESTS'} | {'STALE_ASSIGNMENT'}
--    | {'STALE_WINDOW', now, last window or ''}
--
-- log, head as in shared/ledger.lua; viewer as in record_view.lua; receipt: the answer given to
-- this request, kept for an hour; flood, waiting as in shared/floods.lua.
--
-- Opens for an account, uncharged, what a sealed guest had open; each guest once, at most five in
-- the account's life. The window as in record_view.lua, but for an unlimited plan, which leaves the
-- account the window it was last charged in: what it has used of that is not given back. Atomic so
-- that no view of the account is charged for a code while it is being taken over.

local log, head, viewer, receipt, flood, waiting = unpack(KEYS)
local viewer_id, request, guest, codes, assignment = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local kind, number, starts, ends, unlimited = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]

-- include ledger
-- include demands
-- include acts
-- include windows
-- include floods

demand_viewer('viewer id', viewer_id, 'u')
demand_viewer('guest id', guest, 'g')
demand('assignment', assignment, '^%d+$')
demand_window(kind, number, starts, ends)
demand('unlimited', unlimited, '^[01]$')
for code in string.gmatch(codes, '%S+') do demand_code(code) end
demand_request(request)

local told = redis.call('GET', receipt)
if told then return {'DONE', told, 1} end

local GUESTS_MAX = 5
local state = redis.call('HMGET', viewer, 'window', 'anchor', 'adopted', 'assignment')
local last_window, anchor, adopted = state[1], tonumber(state[2]), state[3]
local _, held = string.gsub(adopted or '', '%S+', '')
if codes == '' or string.find(' ' .. (adopted or '') .. ' ', ' ' .. guest .. ' ', 1, true) then
  return {'UNCHANGED'}
end
if held >= GUESTS_MAX then return {'TOO_MANY_GUESTS'} end
if tonumber(assignment) < tonumber(state[4] or 0) then return {'STALE_ASSIGNMENT'} end
number = window_in_force(kind, number, starts, ends, last_window, anchor)
if not number then return {'STALE_WINDOW', now, last_window or ''} end

settle(now)
local window = kind .. '.' .. whole(number)
if unlimited == '1' and last_window then window = last_window end
local answer = done(receipt, 'adopt', 'viewer', viewer_id, 'window', window, 'from', guest,
  'codes', codes, 'request', string.sub(request, 1, 12))
adopted = adopted and adopted .. ' ' .. guest or guest
open_window(viewer, window, last_window, anchor, 'adopted', adopted)
for code in string.gmatch(codes, '%S+') do redis.call('HSETNX', viewer, code, 'a') end
return answer
