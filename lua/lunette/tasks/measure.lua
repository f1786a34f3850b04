-- tasks/measure.lua: what the measuring tasks share: intervals for results.json, and the probe a stage left behind.
local lunette = require "lunette"
local metrics = require "lunette.metrics"
local setup = require "lunette.tasks.setup"

local measure = {}

local PROBE = "probe.safetensors"

-- Fields that `options` asks for beside a share of hits: ci_low and ci_high of a bootstrap with `resamples` draws, of
-- Wilson where there are none or where all samples agree.
function measure.share_interval(env, correct, resamples)
  local flags = correct:to("f32")
  local n, hits = flags:numel(), flags:sum():item() // 1 | 0
  if resamples > 0 and hits > 0 and hits < n then
    local _, low, high = metrics.bootstrap { values = flags, draws = resamples, seed = env.seed }
    return low, high
  end
  return metrics.wilson(hits, n)
end

-- AUROC and AUPRC of a score with their intervals, as fields of `into`; what is undefined is absent, the reason in note.
function measure.ranking(env, into, scores, correct, resamples)
  for _, name in ipairs { "auroc", "auprc" } do
    local value, why = metrics[name](scores, correct)
    if value and resamples > 0 then
      local _, low, high = metrics.bootstrap { metric = name, scores = scores, positive = correct, draws = resamples, seed = env.seed }
      into[name .. "_ci_low"], into[name .. "_ci_high"] = low, high
    end
    into[name] = value
    if not value then into.note = why end
  end
  return into
end

-- A mean over samples (list) with its interval, as fields of `into`.
function measure.mean(env, into, name, list, resamples)
  if #list == 0 then return into end
  local values = lunette.tensor(list, { dtype = "f64" })
  if resamples > 0 and #list > 1 then
    local value, low, high = metrics.bootstrap { values = values, draws = resamples, seed = env.seed }
    into[name], into[name .. "_ci_low"], into[name .. "_ci_high"] = value, low, high
  else
    into[name] = values:mean():item()
  end
  return into
end

-- Stops the run where a signal asks for it. Measuring stages have nothing to save: they begin anew.
function measure.poll(env)
  local signal = env.interrupted()
  if signal then error({ code = "interrupt", signal = signal, message = "interrupted" }, 0) end
end

function measure.write_json(env, name, value)
  local ok, message = env.rundir:write_json(name, value)
  if not ok then env.fail("error", "%s", message) end
end

-- The flags of a probe, where the report finds them.
function measure.write_flags(env, correct)
  local flags = require("lunette.report.data").flags(correct:totable())
  measure.write_json(env, "figures/data/" .. env.stage.name .. ".json", { correct = flags })
end

function measure.save_probe(env, result)
  local d = result.weight:shape()[2]
  lunette.weights.save(env.checkpoint_dir .. "/" .. PROBE, {
    weight = result.weight, bias = result.bias, mean = result.mean or lunette.zeros(1, d),
    deviation = result.deviation or lunette.ones(1, d) })
end

-- The probe of an earlier stage on the images of a reference: which are classified correctly (n) bool, and the
-- probability of the class it names (n). The probe looks at representations of the encoder it was made for.
function measure.probed(env, name, reference, batch)
  local stage = env.stage_config(name)
  local path = env.stage_dir(name) .. "/" .. PROBE
  local h, set = setup.features_of(env, stage.from, reference, batch)
  return lunette.scope(lunette.no_grad, function()
    local p = lunette.weights.load(path)
    for key, value in pairs(p) do p[key] = value:to(h:device()) end
    local logits = lunette.ops.linear((h - p.mean) / p.deviation, p.weight, p.bias)
    local confidence, predicted = lunette.ops.softmax(logits):max(2)
    return lunette.ops.eq(predicted:to("f64"), set.labels:to(h:device(), "f64")):to("bool"), confidence
  end)
end

-- The features of an image to look at: those in L and D, the most active first, at most `most` each.
-- h (n, r), D (positions) -> list per row of lists of positions.
function measure.strongest(h, features, epsilon, most)
  return lunette.scope(function()
    local _, _, mean, deviation = lunette.ops.qscore_summary(h, { epsilon = epsilon })
    local n, r = table.unpack(h:shape())
    local bound = (mean + deviation * epsilon):totable()
    local chosen = lunette.zeros(r)
    for _, j in ipairs(features:totable()) do chosen[j] = 1 end
    chosen = chosen:to(h:device())
    -- features outside D are pushed below every bound
    local value, position = lunette.ops.topk(h - (1 - chosen) * 1e30, math.min(most, r))
    local v, p, lists = value:totable(), position:totable(), {}
    for i = 1, n do
      lists[i] = {}
      for k, x in ipairs(v[i]) do
        if x > bound[i] then table.insert(lists[i], p[i][k]) end
      end
    end
    return lists
  end)
end

return measure
