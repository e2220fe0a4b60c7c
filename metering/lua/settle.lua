#!lua
-- settle(keys = {log, head, flood, waiting}, argv = {viewer id, age}) -> events written
--
-- log, head as in shared/ledger.lua; flood, waiting as in shared/floods.lua. Records what was
-- counted for the viewer for `age` milliseconds or longer.
--
-- Atomic so that what is counted is either waiting or in the log.

local log, head, flood, waiting = unpack(KEYS)
local viewer_id, age = unpack(ARGV)

-- include ledger
-- include demands
-- include floods

demand_viewer('viewer id', viewer_id, 'gu')
demand('age', age, '^%d+$')

local before = seq
settle(now - tonumber(age))
return seq - before
