-- What arguments must be: each refuses its own by name, before anything is written.

local function refuse(reason)
  error({err = 'ARGUMENT ' .. reason})
end

local function demand(name, value, pattern)
  if not value or not string.find(value, pattern) then refuse(name) end
end

local function demand_viewer(name, id, letters)
  if #id ~= 23 then refuse(name) end
  demand(name, id, '^[' .. letters .. '][%w_-]+$')
end

local function demand_request(request)
  if #request ~= 22 then refuse('request id') end
  demand('request id', request, '^[%w_-]+$')
end

local function demand_code(code)
  if #code > 40 then refuse('code') end
  demand('code', code, '^[A-Z0-9_]+:[A-Z0-9-]+$')
end

local function demand_staff(actor, reason)
  if #actor > 32 then refuse('actor') end
  demand('actor', actor, '^[%w_-]+$')
  if #reason == 0 or #reason > 800 then refuse('reason') end
end

local function demand_window(kind, number, starts, ends)
  if kind == 'D' or kind == 'W' or kind == 'M' then
    demand('window number', number, '^%d+$')
    demand('window start', starts, '^%d+$')
    demand('window end', ends, '^%d+$')
  elseif kind ~= 'L' then
    demand('window kind', kind, '^R[1-9]%d*$')
  end
end
