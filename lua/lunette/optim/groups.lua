-- optim/groups.lua: which parameter gets which options: groups given as such, or rules that parameter names are held against.
local options_of = require "lunette.options"

local groups = {}

-- Whether name fits a pattern in which every * stands for any text, e.g. "encoder.*" or "*.bias".
local function fits(name, pattern)
  local first, rest = pattern:match("^([^*]*)(.*)$")
  if rest == "" then return name == pattern end
  if name:sub(1, #first) ~= first then return false end
  local at = #first + 1
  for piece in rest:gmatch("%*([^*]*)") do
    local from, to = name:find(piece, at, true)
    if not from then return false end
    at = to + 1
  end
  local last = rest:match("[^*]*$")
  return last == "" or name:sub(-#last) == last
end

-- The first rule that fits a parameter: its name fits one of rule.match, and it has at most rule.max_ndim axes.
local function rule_of(rules, p)
  for i, rule in ipairs(rules) do
    local match, found = rule.match, rule.match == nil
    for _, pattern in ipairs(type(match) == "string" and {match} or match or {}) do
      found = found or fits(p.name, pattern)
    end
    if found and p.tensor:ndim() <= (rule.max_ndim or math.huge) then return i, rule end
  end
end

-- given.params as a flat list {name =, tensor =}, each with `own`, the table that holds its group's options.
local function flat(given, fail)
  local list, alone = {}, {} -- alone: of all that are in no group
  local function add(p, own)
    local named = type(p) == "table" and p.tensor
    list[#list + 1] = {name = named and p.name or "param" .. #list + 1, tensor = named and p.tensor or p, own = own}
  end
  for _, p in ipairs(given.params) do
    if type(p) == "table" and p.params then
      for _, q in ipairs(p.params) do add(q, p) end
    else
      add(p, alone)
    end
  end
  if #list == 0 then fail("params holds no parameter") end
  return list
end

-- The groups of an optimizer. given: params, groups, decay_1d. allowed: the options a group may set.
-- Returns the parameters as a flat list of {name =, tensor =}, and groups {members = positions in that list, options}.
function groups.of(who, given, allowed)
  local function fail(text, ...) error(("%s: " .. text):format(who, ...), 0) end
  local rules, used = given.groups or {}, {}
  if type(rules) ~= "table" or (next(rules) ~= nil and #rules == 0) then
    fail("groups must be a list of rules { {match = ...}, ... }, got %s", type(rules) == "table" and "a single one" or type(rules))
  end
  local permitted = {params = true, match = true, max_ndim = true, lr = true, lr_scale = true}
  for k in pairs(allowed) do permitted[k] = true end
  for _, g in ipairs(rules) do options_of.check(who .. ": groups", g, permitted, 3) end
  for _, g in ipairs(given.params) do
    if type(g) == "table" and g.params then options_of.check(who .. ": params", g, permitted, 3) end
  end
  local list, by_key, result = flat(given, fail), {}, {}
  for i, p in ipairs(list) do
    local which, rule = rule_of(rules, p)
    if which then used[which] = true end
    local bare = given.decay_1d == false and p.tensor:ndim() <= 1
    local key = ("%s/%s/%s"):format(which, p.own, bare)
    local group = by_key[key]
    if not group then
      group = {members = {}, options = {weight_decay = bare and 0 or nil}}
      for _, from in ipairs{p.own, rule or {}} do
        for k, v in pairs(from) do
          if k ~= "params" and k ~= "match" and k ~= "max_ndim" then group.options[k] = v end
        end
      end
      by_key[key] = group
      result[#result + 1] = group
    end
    group.members[#group.members + 1] = i
  end
  for i in ipairs(rules) do
    if not used[i] then
      fail("groups[%d] fits no parameter that none before it fits; their names are like %s, %s", i, list[1].name, list[#list].name)
    end
  end
  return list, result
end

return groups
