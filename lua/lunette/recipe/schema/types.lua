--- The vocabulary of the schema. A type is a table of data; lunette.recipe.check walks them.
--
-- Common fields: doc (one line, required), required, default (plain data, checked like what a recipe says; a type
-- without default may be absent). A record is rejected when it has a key that its type does not list.

local types = {}

local function maker(kind)
  return function(options)
    options.type = kind
    return options
  end
end

types.string = maker "string" -- choices = {...}, pattern, expects (what the pattern means), max = bytes
types.number = maker "number" -- min, max, above (exclusive lower bound)
types.integer = maker "integer" -- min, max; a float without fraction passes and becomes an integer
types.boolean = maker "boolean"
types.list = maker "list" -- of = type, min_items, max_items
-- fields = {name -> type}; off = true: `false` switches it off; short = "key": a number stands for {key = it}
types.record = maker "record"
types.map = maker "map" -- of = type, pattern for the keys, expects
-- variants = {kind -> {fields=, doc=}}, told apart by the key `tag`, "kind" unless said; default_kind; off = true: `false`
-- switches it off
types.variant = maker "variant"
types.setting = maker "setting" -- any plain data: what it stands for is checked where it is put
types.path = maker "path" -- relative, confined
types.stage = maker "stage" -- name of an earlier stage; random = true allows "random", weights/task restrict which
types.split = maker "split" -- "data set:split"
types.augment = maker "augment" -- see schema/augment.lua

--- A range {low, high} of numbers.
function types.range(options)
  options.type = "list"
  options.of = types.number { doc = "bound", min = options.min, max = options.max }
  options.min_items, options.max_items, options.ascending = 2, 2, true
  return options
end

return types
