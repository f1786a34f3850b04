-- golden_losses.lua: the losses of self-supervised methods against PyTorch's values, loss and gradients, in f64 and f32.
local lunette = require "lunette"
local t = require "tap"
local golden = require "golden_support"
local loss = lunette.loss

-- Every file that matches the pattern; options: names in the file's metadata that are passed on as numbers.
local function compare(pattern, inputs, options, run)
  for _, name in ipairs(golden.names(pattern)) do
    local _, metadata = golden.load(name)
    local given = {}
    for _, option in ipairs(options) do given[option] = tonumber(metadata[option]) end
    t.case(name, function()
      golden.check(name, {inputs = inputs, output = "loss", absolute = 1e-6, run = function(...)
        local arguments = table.pack(...)
        arguments[#inputs + 1] = given
        return run(table.unpack(arguments, 1, #inputs + 1))
      end})
    end)
  end
end

compare("^byol", {"p", "z"}, {}, function(p, z) return loss.byol(p, z) end)
compare("^simsiam", {"p", "z"}, {}, function(p, z) return loss.simsiam(p, z) end)
compare("^moco$", {"q", "k", "queue"}, {"temperature"}, loss.moco)
compare("^moco_", {"q", "k", "queue"}, {"temperature"}, loss.moco)
compare("^mocov3", {"q", "k"}, {"temperature"}, loss.mocov3)

t.finish()
