#!lua flags=no-writes
-- inspect(keys = {log, head, hash ...}, argv = {most})
--   -> {now, log expires, head, hash ...}
--
-- log     stream  as in record_view.lua
-- head    hash    as in record_view.lua
-- hash            a viewer or a network of the same shard
-- A hash answers {{field, value ...}, expires, {field, expires ...}}: all that it holds, and those
-- of its fields that expire by themselves; any other key answers {type}. expires is an instant in
-- milliseconds, below 0 for never and for what is not there. now is the shard's clock in
-- milliseconds. Of the hashes only the first answer that have about `most` fields together: the
-- store does nothing else meanwhile.
--
-- Atomic so that what is read of a hash is exactly what the log says up to seq, under any load.

-- Lua takes no more than some thousand values at once.
local FIELDS_AT_ONCE = 1000

local function field_expiries(key, pairs_held)
  local expiries = {}
  for first = 1, #pairs_held, 2 * FIELDS_AT_ONCE do
    local names = {}
    for at = first, math.min(first + 2 * FIELDS_AT_ONCE, #pairs_held) - 1, 2 do
      names[#names + 1] = pairs_held[at]
    end
    local told = redis.pcall('HPEXPIRETIME', key, 'FIELDS', #names, unpack(names))
    if told.err then
      -- A server without this command has no fields that expire.
      if string.find(told.err, 'Unknown', 1, true) then return {} end
      error(told)
    end
    for index, name in ipairs(names) do
      if told[index] >= 0 then
        expiries[#expiries + 1] = name
        expiries[#expiries + 1] = told[index]
      end
    end
  end
  return expiries
end

local time = redis.call('TIME')
local last = redis.call('HGET', KEYS[2], 'at')
local now = math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(last or 0) or 0)

local most = tonumber(ARGV[1])
local answer = {now, redis.call('PEXPIRETIME', KEYS[1])}
for index = 2, #KEYS do
  if most <= 0 and index > 3 then break end
  local held = redis.pcall('HGETALL', KEYS[index])
  if held.err then
    answer[index + 1] = {redis.call('TYPE', KEYS[index]).ok}
  else
    local expires = redis.call('PEXPIRETIME', KEYS[index])
    answer[index + 1] = {held, expires, field_expiries(KEYS[index], held)}
  end
  most = most - #held / 2 - 1
end
return answer
