#!lua
-- compact(keys = {log, fresh}, argv = {after, count}) -> last id copied, or '' when it is done
--
-- log    stream  as in record_view.lua
-- fresh  stream  a copy of the log in the making; takes its place when it has everything
--
-- after is the id that the call before answered, '' for the first call: then what an unfinished
-- copy left is dropped. count is how many entries are copied at most.
-- A stream only marks what is deleted: the bytes stay in memory and in every file written from it,
-- until all their neighbours are gone. A copy has no such bytes.
--
-- Atomic so that no event can come between the last entry copied and the change of place.

local log, fresh = KEYS[1], KEYS[2]
local after, count = ARGV[1], tonumber(ARGV[2])

if after == '' then
  redis.call('UNLINK', fresh)
  after = '0-0'
end
local entries = redis.call('XRANGE', log, '(' .. after, '+', 'COUNT', count)
for _, entry in ipairs(entries) do
  redis.call('XADD', fresh, entry[1], unpack(entry[2]))
end
if #entries == count then return entries[count][1] end

if redis.call('EXISTS', fresh) == 1 then
  local info = redis.call('XINFO', 'STREAM', log)
  for at = 1, #info, 2 do
    if info[at] == 'last-generated-id' then redis.call('XSETID', fresh, info[at + 1]) end
  end
  redis.call('RENAME', fresh, log)
end
return ''
