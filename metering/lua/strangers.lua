#!lua flags=no-writes
-- strangers(keys = {key ...}, argv = {type ...}) -> {number, type, number, type, ...}
--
-- Which keys, counted from 1, are there and not of the type that ARGV says of each, and what they
-- are instead.
--
-- One script so that what is nearly always as promised takes no reply for each key.

local told = {}
for index, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= ARGV[index] and found ~= 'none' then
    told[#told + 1] = index
    told[#told + 1] = found
  end
end
return told
