-- What every script that writes begins with. Wants `log` and `head` as locals.
--
-- head  hash  format, seq, epoch and at of the last event; `closed` while the shard is made anew

local RECEIPT_MS = 3600000
local MS_PER_DAY = 86400000

-- A whole number as text. Not '%.0f', which goes through the digits of a fraction: 0.34 against
-- 0.20 microseconds for an instant. Of a 32-bit server, whose ids would be wrong, XADD takes none.
local function whole(number)
  return string.format('%d', number)
end

local last = redis.call('HMGET', head, 'format', 'seq', 'epoch', 'at', 'closed')
local seq, epoch = tonumber(last[2] or 0), last[3] or '1'
if (last[1] or '1') ~= '1' then
  error({err = 'ARGUMENT format ' .. last[1] .. ' of the ledger, this server writes 1'})
end
if last[5] then error({err = 'CLOSED the shard is being made anew'}) end

-- The shard's clock never goes behind its last event: a server clock that steps back opens no
-- window a second time, and the log stays in the order of its ids.
local time = redis.call('TIME')
local now = math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(last[4] or 0))

local now_text = whole(now)
local is_begun = last[1] and last[3]

-- Appends an event and answers its stream id. What never changes is written into the head once.
local function append(kind, ...)
  seq = seq + 1
  local number = whole(seq)
  local id = now_text .. '-' .. number
  redis.call('XADD', log, id, 'type', kind, 'epoch', epoch, ...)
  redis.call('HSET', head, 'seq', number, 'at', now_text)
  if not is_begun then redis.call('HSET', head, 'format', '1', 'epoch', epoch) end
  is_begun = true
  return id
end
