--- The embedded data set: small scenes drawn from a seed, with exact masks. See the op `shapes`.

local lunette = require "lunette"
local options = require "lunette.options"

local names = { "disc", "square", "triangle", "star", "cross", "ring", "crescent", "bow tie", "bar", "corner" }

local allowed = {
  n = true, split = true, size = true, classes = true, correlation = true, seed = true, start = true, clutter = true,
  rotation = true, noise = true,
}

--- shapes{n = 4000, split = "train"|"test"|"heldout", size = 32, classes = 10, correlation = 0.9, seed = 1, ...}
--- n images of a class each: an object with a shape and a texture (core) on a background that belongs to the class with
--- probability `correlation` (spurious). masks.core and masks.spurious (n,size,size) u8 are 1 on the object and on bare
--- background; grounds (n) names each background's kind by the class it belongs to. Images are a function of seed, split
--- and position: a larger n begins with the images of a smaller one.
local function shapes(o)
  o = o or {}
  options.check("shapes", o, allowed)
  local arguments = { correlation = 0.9 }
  for key, value in pairs(o) do arguments[key] = value end
  arguments.n = nil
  local images, labels, core, spurious, grounds = lunette.ops.shapes(o.n or 4000, arguments)
  local classes = { table.unpack(names, 1, o.classes or #names) }
  return { name = "shapes", split = o.split or "train", n = labels:shape()[1], images = images, labels = labels,
           classes = classes, masks = { core = core, spurious = spurious }, grounds = grounds }
end

return shapes
