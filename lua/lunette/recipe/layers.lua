--- The layers of a method or an encoder as a table: what each makes of a batch, and how many numbers it trains.

local lunette = require "lunette"

local layers = {}

-- Modules that only hold others; everything else is one row, with all that is below it.
local function is_open(module, root) return module == root or module.features_out ~= nil or module.kind == "Sequential" end

local function buffers_of(module)
  local count = 0
  module:walk(function(_, entry)
    if entry.role == "buffer" then count = count + entry.value:numel() end
  end)
  return count
end

local function shape_without_batch(tensor)
  local shape = tensor:shape()
  return table.move(shape, 2, #shape, 1, {})
end

-- Rows of a module, and their modules in `watched`.
local function collect(module, name, root, rows, watched)
  for _, entry in ipairs(module.entries) do
    local full = name == "" and entry.name or name .. "." .. entry.name
    if entry.role == "child" and is_open(entry.value, root) then
      collect(entry.value, full, root, rows, watched)
    elseif entry.role == "child" then
      local row = { name = full, kind = entry.value.kind, parameters = entry.value:count(), buffers = buffers_of(entry.value) }
      rows[#rows + 1] = row
      watched[entry.value] = row
    elseif entry.role == "parameter" then
      rows[#rows + 1] = { name = full, kind = "parameter", parameters = entry.value:numel(), buffers = 0,
        shape = entry.value:shape() }
    end
  end
end

--- of(root, call) -> {{name, kind, shape = of one image's output, nil where it is not called, parameters = trained numbers,
--- buffers = further ones}, ...} in order of definition. call() runs the network once; root's own functions are not changed.
function layers.of(root, call)
  local rows, watched = {}, {}
  collect(root, "", root, rows, watched)
  for module, row in pairs(watched) do
    local forward = module.forward
    if forward then
      rawset(module, "forward", function(self, ...)
        local result = table.pack(forward(self, ...))
        if not row.shape and lunette.is_tensor(result[1]) then row.shape = shape_without_batch(result[1]) end
        return table.unpack(result, 1, result.n)
      end)
    end
  end
  local ok, problem = pcall(lunette.scope, lunette.no_grad, call)
  for module in pairs(watched) do rawset(module, "forward", nil) end
  if not ok then error(problem, 0) end
  return rows
end

return layers
