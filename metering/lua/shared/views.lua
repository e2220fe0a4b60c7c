-- What a view must be, whoever decides it. Wants shared/demands.lua.

local function demand_view(viewer_id, viewer_kind, code, request, context, plan, assignment)
  demand_viewer('viewer id', viewer_id, 'gu')
  demand_request(request)
  demand('viewer kind', viewer_kind, string.sub(viewer_id, 1, 1) == 'g' and '^G$' or '^[RSPT]$')
  demand_code(code)
  if #context > 20 then refuse('context') end
  -- Lua has no optional groups.
  if not string.find(context, '^[bapo][seto]?[1-8]?$') then
    demand('context', context, '^[bapo][seto]?[1-8]?/[%w_-]+$')
  end
  demand('plan', plan, '^[a-z][a-z0-9_-]*%.%d+$')
  demand('assignment', assignment, '^%d+$')
end
