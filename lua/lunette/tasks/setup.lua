-- tasks/setup.lua: what every task of a recipe starts from: data sets, encoders with a stage's weights, features.
local lunette = require "lunette"
local data_kinds = require "lunette.recipe.schema.data"
local model = require "lunette.recipe.schema.model"

local setup = {}

-- What the stages of one run share: data sets, their statistics, features; by configuration.
local cache = setmetatable({}, {__mode = "k"})

local function shared(env)
  cache[env.config] = cache[env.config] or {}
  return cache[env.config]
end

-- The data set of a reference such as "shapes:train".
function setup.dataset(env, reference)
  local loaded = shared(env)
  if loaded[reference] then return loaded[reference] end
  local d = env.data(reference)
  local given = data_kinds[d.spec.kind].options(d.spec, d.split)
  given.root, given.split = d.folder, d.split
  if d.spec.kind == "shapes" then given.seed = d.spec.seed or env.config.seed end
  local set = lunette.data[d.spec.kind](given)
  loaded[reference] = set
  return set
end

-- Per-channel mean and standard deviation (2,3) of a data set's training split, in [0, 1]: of its first 10,000 images.
function setup.norm(env, reference)
  local set_name = reference:match("^[^:]*")
  local loaded = shared(env)
  local key = "norm " .. set_name
  if not loaded[key] then
    local images = setup.dataset(env, set_name .. ":train").images
    loaded[key] = lunette.keep(lunette.scope(function()
      local first = images:narrow(1, 1, math.min(images:shape()[1], 10000))
      local pixels = lunette.ops.normalize_images(first)
      local mean = pixels:mean({1, 3, 4}, true)
      local std = ((pixels - mean):square()):mean({1, 3, 4}):sqrt()
      return lunette.ops.cat(mean:reshape(1, 3), std:reshape(1, 3), 1)
    end))
  end
  return loaded[key]
end

-- "auto": bf16 on a GPU and where the CPU multiplies it faster than f32 (AMX, AMD's AVX-512 bf16), else
-- f32; what the backbone says, if it does.
function setup.precision(env)
  local p = env.precision or "auto"
  if p ~= "auto" then return p end
  local fixed = model.auto_precision[env.config.model.backbone]
  if fixed then return fixed end
  if env.device == "cuda" then return "bf16" end -- kernels are for sm_80 and newer
  return lunette.machine().fast_bf16 and "bf16" or "f32"
end

-- An encoder as config.model describes it, drawn from the recipe's seed, with the weights of stage `from` ("random": as
-- drawn), in evaluation mode.
function setup.encoder(env, from)
  local options = {precision = setup.precision(env), seed = env.config.seed, device = env.device}
  for key, value in pairs(env.config.model) do
    if not model.not_options[key] then options[key] = value end
  end
  local encoder = lunette.models[env.config.model.backbone](options)
  local state = env.load_stage_weights(from)
  if state then encoder:load_state(state, {prefix = "encoder."}) end
  return encoder:eval()
end

setup.features = require "lunette.models.features"

-- Representations of a data reference by the encoder of stage `from`, made once and shared by the stages that follow:
-- h (n, r), and the data set. They are the caller's to read, not to change.
function setup.features_of(env, from, reference, batch)
  local loaded = shared(env)
  local key = "features " .. from .. " " .. reference
  local set = setup.dataset(env, reference)
  if not loaded[key] then
    local encoder = setup.encoder(env, from)
    loaded[key] = setup.features(encoder, set.images, {batch = batch, norm = setup.norm(env, reference)})
  end
  return loaded[key], set
end

return setup
