#!lua flags=no-writes
-- receipts(keys = {receipt ...}, argv = {}) -> {answer, left, answer, left, ...}
--
-- receipt  string  the answer given to one request
-- answer is nil for a key that is not there, and {type} for one that is no string; left is how long
-- it stays in milliseconds, below 0 for ever and for what is not there.
--
-- Atomic so that an answer and its time are of one receipt.

local told = {}
for index, key in ipairs(KEYS) do
  local answer = redis.pcall('GET', key)
  if type(answer) == 'table' then answer = {redis.call('TYPE', key).ok} end
  told[2 * index - 1] = answer
  told[2 * index] = redis.call('PTTL', key)
end
return told
