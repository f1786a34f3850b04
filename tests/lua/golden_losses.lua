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
compare("^swav", {"scores", "targets"}, {"temperature"}, loss.swav)
compare("^dino", {"student", "teacher", "center"}, {"student_temp", "teacher_temp"}, loss.dino)
compare("^vicreg", {"z1", "z2"}, {"invariance", "variance", "covariance"}, loss.vicreg)
compare("^barlow", {"z1", "z2"}, {"lambda", "scale"}, loss.barlow)

for _, name in ipairs(golden.names "^sinkhorn") do
  t.case(name, function()
    local file, given = golden.load(name)
    local options = {epsilon = tonumber(given.epsilon), iterations = math.tointeger(tonumber(given.iterations))}
    golden.near(loss.sinkhorn(file.scores, options), file.targets, 1e-5, "f32")
    golden.near(loss.sinkhorn(file.scores:to("f64"), options), file.targets, 1e-10, "f64")
  end)
end
t.case("sinkhorn stays finite where samples and prototypes are out of each other's reach", function()
  local scores = lunette.full({6, 4}, -1e4)
  lunette.ops.assign(scores:narrow(1, 1, 3), lunette.tensor{{1e4, 1e4, -1e4, -1e4}, {1e4, 0, 0, 0}, {1e4, 1e4, 0, -1e4}})
  local targets = loss.sinkhorn(scores, {epsilon = 1e-3})
  local sums = targets:sum(2):totable()
  for i = 1, 6 do t.ok(math.abs(sums[i] - 1) < 1e-5, "the sum of row " .. i) end
end)

t.finish()
