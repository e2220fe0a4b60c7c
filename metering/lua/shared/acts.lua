-- How every act ends. Wants shared/ledger.lua.

-- Appends the event of an act, keeps its receipt, and answers the caller.
local function done(receipt, kind, ...)
  local id = append(kind, ...)
  local answer = kind .. ' ' .. epoch .. ' ' .. id
  redis.call('SET', receipt, answer, 'PX', RECEIPT_MS)
  return {'DONE', answer, 0}
end
