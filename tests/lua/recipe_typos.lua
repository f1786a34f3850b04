-- A typo in any key of any example recipe is one mistake, said in its file and line with the key that was meant: a letter
-- dropped, doubled, or two swapped, at every place where a key stands in the text, the bases' and those of `smoke` included.
-- By default each place gets one of its three slips; LUNETTE_TYPOS=1 tries them all, which takes three times as long.
-- Names that a recipe chooses itself (of its data sets) are no keys: what is misspelt then is each use of the name.
local t = require "tap"
local recipe = require "lunette.recipe"
local sys = require "lunette.sys"

require("recipe_support").evaluate_once()

local ROOT = t.root .. "/examples"

-- Recipes by folder, the bases below it, and for each base the recipes that are checked in its place.
local function sorted(path)
  local names = sys.list(path)
  table.sort(names)
  return names
end

local folders = { { path = ROOT, files = {} } }
for _, name in ipairs(sorted(ROOT)) do
  if name:find("%.lua$") and ("\n" .. t.read(ROOT .. "/" .. name)):find("\nreturn {") then table.insert(folders[1].files, name) end
end
for _, set in ipairs(sorted(ROOT .. "/recipes")) do
  local folder = { path = ROOT .. "/recipes/" .. set, files = {}, bases = {} }
  for _, name in ipairs(sorted(folder.path)) do
    if name:find("%.lua$") then table.insert(folder.files, name) end
  end
  for _, name in ipairs(sorted(folder.path .. "/base")) do table.insert(folder.bases, "base/" .. name) end
  folders[#folders + 1] = folder
end

-- Comments and the insides of strings that are no keys, blanked out, every other byte in its place.
local function code_of(text)
  text = text:gsub("%-%-[^\n]*", function(comment) return (" "):rep(#comment) end)
  return (text:gsub('(%[?)"([^"\n]*)"(%]?)', function(open, inside, close)
    if open ~= "" and close ~= "" then return nil end
    return open .. '"' .. ("s"):rep(#inside) .. '"' .. close
  end))
end

-- {at, word} of each key's letters; the parts of a dotted one each.
local function keys_of(text)
  local code, list = code_of(text), {}
  local depth, data = 0, nil
  local i = 1
  while i <= #code do
    local c = code:sub(i, i)
    if c == "{" then
      depth = depth + 1
    elseif c == "}" then
      depth = depth - 1
      if data and depth < data then data = nil end
    end
    local word = depth > 0 and not code:sub(i - 1, i - 1):find("[%w_]") and code:match("^([%a_][%w_]*)%s*=[^=]", i)
    local quoted = depth > 0 and code:match('^%["([^"]+)"%]%s*=', i)
    if word then
      if depth ~= data then list[#list + 1] = { at = i, word = word } end -- a data set's name is the recipe's choice
      if word == "data" and depth == 1 and code:find("^data%s*=%s*{", i) then data = 2 end
      i = i + #word - 1
    elseif quoted then
      for at, part in quoted:gmatch("()([^.]+)") do list[#list + 1] = { at = i + 1 + at, word = part, dotted = quoted } end
      i = i + #quoted
    end
    i = i + 1
  end
  return list
end

-- Three slips, at a place that hangs on where the key stands.
local function slips(word, at)
  local list = {}
  local place = at % #word + 1
  if #word > 1 then list[1] = word:sub(1, place - 1) .. word:sub(place + 1) end
  local neighbour = at % math.max(#word - 1, 1) + 1
  if #word > 1 and word:byte(neighbour) ~= word:byte(neighbour + 1) then
    list[#list + 1] = word:sub(1, neighbour - 1) .. word:sub(neighbour + 1, neighbour + 1) .. word:sub(neighbour, neighbour)
      .. word:sub(neighbour + 2)
  end
  list[#list + 1] = word:sub(1, place) .. word:sub(place)
  return list
end

local function line_at(text, at)
  local _, count = text:sub(1, at):gsub("\n", "")
  return count + 1
end

-- Slips that make another key of the same table: what is said then is that its value is wrong.
local OTHER_KEYS = { form = "from" }

-- One slip of so many.
local SHARE = math.tointeger(tonumber(os.getenv "LUNETTE_TYPOS" or 3))
local checked, places, begin = 0, 0, os.clock()

-- All slips of a file in a copy of its folder; `through`: the recipe that is checked.
local function try(copy, name, through, choose)
  local text = t.read(copy .. "/" .. name)
  local wrong = {}
  for n, key in ipairs(keys_of(text)) do
    if choose(n) then
      places = places + 1
      for s, slip in ipairs(slips(key.word, key.at)) do
        if (n + s) % SHARE == 0 and OTHER_KEYS[slip] ~= key.word then
          checked = checked + 1
          t.write(copy .. "/" .. name, text:sub(1, key.at - 1) .. slip .. text:sub(key.at + #key.word))
          local ok, mistakes = recipe.check(copy .. "/" .. through)
          local said = ok and "accepted" or tostring(mistakes):gsub(copy:gsub("%p", "%%%0") .. "/", "")
          local place = ("%s:%d: "):format(name, line_at(text, key.at))
          if ok or #mistakes ~= 1 or said:sub(1, #place) ~= place or not said:find(("(did you mean '%s'?)"):format(key.word), 1, true) then
            wrong[#wrong + 1] = ("%s%s for %s: %s"):format(place, slip, key.dotted or key.word, said)
          end
        end
      end
    end
  end
  t.write(copy .. "/" .. name, text)
  return wrong
end

for _, folder in ipairs(folders) do
  t.case("every key of the recipes in " .. folder.path:sub(#t.root + 2), function()
    local copy = t.folder()
    for _, name in ipairs(folder.files) do t.write(copy .. "/" .. name, t.read(folder.path .. "/" .. name)) end
    for _, name in ipairs(folder.bases or {}) do
      sys.mkdir_p(copy .. "/base")
      t.write(copy .. "/" .. name, t.read(folder.path .. "/" .. name))
    end
    local wrong = {}
    local function add(list) table.move(list, 1, #list, #wrong + 1, wrong) end
    for _, name in ipairs(folder.files) do add(try(copy, name, name, function() return true end)) end
    for _, name in ipairs(folder.bases or {}) do
      -- Each of its keys through one of the recipes, in turn.
      for i, through in ipairs(folder.files) do
        add(try(copy, name, through, function(n) return n % #folder.files == i - 1 end))
      end
    end
    t.ok(#wrong == 0, ("%d wrong:\n%s"):format(#wrong, table.concat(wrong, "\n")))
  end)
end

t.case("as many as there are", function()
  t.ok(places > 1500 and checked > 0.9 * places * 3 / SHARE, ("%d slips in %d places"):format(checked, places))
end)

print(("# %d slips in %d places, %.1f s of CPU"):format(checked, places, os.clock() - begin))
t.finish()
