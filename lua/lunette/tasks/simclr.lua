-- tasks/simclr.lua: SimCLR pre-training as a stage of a recipe.
local lunette = require "lunette"
local pretrain = require "lunette.tasks.pretrain"

local task = {}

function task.run(stage, env)
  return pretrain.run(stage, env, function(s, encoder, seed)
    return lunette.ssl.simclr{encoder = encoder, projector = env.config.model.projector, temperature = s.temperature, seed = seed}
  end)
end

return task
