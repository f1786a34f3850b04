-- ssl_support.lua: every method at a setting that trains in a moment.
local lunette = require "lunette"

local support = {}

-- Settings of the method of this name: of these, those it has.
local tiny = {projector = {16, 8}, predictor = 16, queue = 48, prototypes = 12, queue_from_epoch = 1}

function support.settings(name, more)
  local given = {}
  for _, row in ipairs(lunette.ssl.methods) do
    for key, value in pairs(row.name == name and tiny or {}) do
      if row.settings[key] then given[key] = value end
    end
  end
  for key, value in pairs(more or {}) do given[key] = value end
  return given
end

function support.method(name, more)
  local given = support.settings(name, more)
  given.encoder = given.encoder or lunette.models.resnet18{width = 4, seed = 1}
  return lunette.ssl[name](given)
end

-- {name = tensor}, copied.
function support.copies(state)
  local copies = {}
  for name, value in pairs(state) do copies[name] = lunette.keep(value:clone()) end
  return copies
end

-- The first name, in order, under which two states differ in a bit, or nil.
function support.differs(a, b)
  local names = {}
  for name in pairs(a) do names[#names + 1] = name end
  for name in pairs(b) do names[#names + 1] = not a[name] and name or nil end
  table.sort(names)
  for _, name in ipairs(names) do
    if not a[name] or not b[name] or a[name]:tobytes() ~= b[name]:tobytes() then return name end
  end
end

return support
