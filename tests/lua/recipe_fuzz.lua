-- Broken recipes of all kinds end in a configuration or in a list of mistakes, never in an error of the loader's own.
local t = require "tap"
local json = require "lunette.json"
local lines = require "lunette.recipe.lines"
local recipe = require "lunette.recipe"
local tokens = require "lunette.recipe.tokens"

require("recipe_support").evaluate_once()

local TEXT = t.read(t.root .. "/examples/quickstart.lua")

-- A generator of its own: the same on every machine and Lua.
local state = 1
local function random(n)
  state = (state * 1103515245 + 12345) % 2147483648
  return state // 65536 % n + 1
end

local function holds(text, set)
  local ok, config, list = pcall(recipe.from_text, text, "r.lua", set)
  if not ok then error(("%s\n%s"):format(tostring(config), text), 0) end
  if config then return true end
  t.ok(#list > 0, "a refusal says why")
  for _, entry in ipairs(list) do
    t.ok(entry.message ~= "" and not entry.message:find("%c") and utf8.len(entry.message), entry.message)
    t.ok(entry.file:find("^command line") or entry.line == nil or entry.line >= 1)
  end
  return false
end

t.case("texts with bytes changed, taken out, put in", function()
  for _ = 1, 400 do
    local text = TEXT
    for _ = 1, random(4) do
      local at, what = random(#text), random(4)
      local byte = string.char(random(256) - 1)
      if what == 1 then
        text = text:sub(1, at - 1) .. byte .. text:sub(at + 1)
      elseif what == 2 then
        text = text:sub(1, at - 1) .. text:sub(at + random(20))
      elseif what == 3 then
        text = text:sub(1, at) .. ('{}[]()=,;"\'-\n'):sub(random(13)):sub(1, 1) .. text:sub(at + 1)
      else
        local from = random(#text)
        text = text:sub(1, at) .. text:sub(from, from + random(30)) .. text:sub(at + 1)
      end
    end
    holds(text)
    lines.map(text)
    tokens.literal(text)
  end
end)

local STRANGE = { "nil", "true", "false", "0", "-1", "1.5", "1e308", "''", "'x'", "'random'", "'pretrain'", "'shapes:train'",
  "{}", "{ 1 }", "{ 1, 2 }", "{ {} }", "{ kind = 'sgd' }", "{ kind = {} }", "{ preset = 5 }", "{ 'weak', 'weak' }", "{ false }",
  "{ name = {} }", "math.pi", "2^53", "'../x'", "'a:b:c'" }

t.case("every value replaced by other things", function()
  local places = {}
  for at, stop in TEXT:gmatch("[%a_][%w_]* = ()[^{},\n]+()") do places[#places + 1] = { at, stop } end
  for at in TEXT:gmatch("[%a_][%w_]* = (){") do
    local stop = select(2, TEXT:find("^%b{}", at)) + 1
    places[#places + 1] = { at, stop }
  end
  t.ok(#places > 80, "places: " .. #places)
  local passed = 0
  for _, place in ipairs(places) do
    for _ = 1, 8 do
      local value = STRANGE[random(#STRANGE)]
      if holds(TEXT:sub(1, place[1] - 1) .. value .. TEXT:sub(place[2])) then passed = passed + 1 end
    end
  end
  t.ok(passed > 0)
end)

t.case("every kind of key overridden by everything", function()
  for _, path in ipairs { "seed", "pretrain.augment", "pretrain.augment.crop", "pretrain.optim", "pretrain.optim.kind", "data",
    "data.shapes", "data.shapes.kind", "probe.from", "probe.like", "probe.task", "probe.name", "report", "report.compare",
    "model.projector", "needs", "maps.sweep", "pretrain.regularize", "pretrain.save", "x.y.z", "stages.x", "stages" } do
    for _, value in ipairs(STRANGE) do holds(TEXT, { path .. "=" .. value, path .. ".z=" .. value }) end
  end
end)

t.case("a hostile config.json", function()
  local text = recipe.canonical(assert(recipe.load(t.root .. "/examples/quickstart.lua")))
  for _ = 1, 300 do
    local broken = text
    for _ = 1, random(3) do
      local at = random(#broken)
      if random(2) == 1 then
        broken = broken:sub(1, at - 1) .. string.char(random(256) - 1) .. broken:sub(at + 1)
      else
        broken = broken:sub(1, at - 1) .. ({ "null", "[]", "{}", "1e999", "-1", '"x"', "true" })[random(7)]
          .. broken:sub(at + random(8))
      end
    end
    local ok, config, list = pcall(recipe.from_config, broken, "config.json")
    if not ok then error(tostring(config) .. "\n" .. broken, 0) end
    t.ok(config or #list > 0)
  end
  for _, value in ipairs { "null", "1", "[1]", '{"stages":null}', '{"stages":[null]}', '{"data":{"s":null},"stages":[{}]}',
    ("["):rep(500) } do
    local ok, config = pcall(recipe.from_config, value, "config.json")
    t.equal({ ok, config }, { true, nil }, value)
  end
  t.equal(json.decode(("["):rep(5000)), nil)
end)

t.finish()
