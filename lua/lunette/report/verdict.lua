--- The paragraph one reads first: what was trained, what changed and what did not, in plain words.
local html = require "lunette.report.html"
local numbers = require "lunette.report.numbers"
local qscore = require "lunette.report.qscore"

local verdict = {}

local node = html.node

local methods = { simclr = "SimCLR", moco = "MoCo", byol = "BYOL", swav = "SwAV", dino = "DINO", simsiam = "SimSiam",
  vicreg = "VICReg", barlow = "Barlow Twins" }

local function code(name) return node("code", nil, name) end

local function epochs_of(settings)
  local n = settings.epochs
  return numbers.finite(n) and (" for %s %s"):format(numbers.count(n), n == 1 and "epoch" or "epochs") or ""
end

local function training(r)
  local model = type(r.config.model) == "table" and r.config.model or {}
  local out = {}
  for _, stage in ipairs(r.stages) do
    if stage.kind == "train" then
      local s = stage.settings
      local method = methods[stage.task] or stage.task or "training"
      local ran = stage.result and "" or " (not finished)"
      if type(s.regularize) == "table" then
        local start = r:start(stage)
        out[#out + 1] = html.join(" Stage ", code(stage.name), start and html.join(" fine-tunes ", code(start.name or start)) or " trains",
          " with the Q-Score regularizer", epochs_of(s), ran, ".")
      else
        local start = r:start(stage)
        local from = start and html.join(", starting from ", code(start.name or start))
        local backbone = type(model.backbone) == "string" and model.backbone or "an encoder"
        out[#out + 1] = html.join(" Stage ", code(stage.name), " trains ", backbone, " without labels by ", method,
          type(s.data) == "string" and html.join(" on ", code(s.data)), epochs_of(s), from, ran, ".")
      end
    end
  end
  return out
end

local function encoder_of(r, stage)
  local start = r:start(stage)
  if not start then return "the untrained encoder" end
  local name = code(start.name or start)
  if start.settings and type(start.settings.regularize) == "table" then return html.join("the regularized encoder (", name, ")") end
  return html.join("the encoder of ", name)
end

local function difference(r, d)
  local a, b = d.before.result, d.after.result
  local interval = numbers.interval(d.low, d.high, numbers.points)
  local reading
  if not d.low then reading = "the results carry no interval, so it may be chance"
  elseif d.low > 0 then reading = "more than its uncertainty: the interval lies above zero"
  elseif d.high < 0 then reading = "a loss beyond its uncertainty: the interval lies below zero"
  else reading = "within its uncertainty, so this run shows no difference" end
  return html.join(" The probe of ", encoder_of(r, d.after), " reaches ", node("b", nil, numbers.percent(b.top1)), " top\u{2011}1 against ",
    numbers.percent(a.top1), " for ", encoder_of(r, d.before), ": ", node("b", nil, numbers.points(d.difference), " points"),
    interval and " " .. interval, ", ", reading, ".")
end

local function best_baseline(result)
  local best
  for _, baseline in ipairs(numbers.rows(result.baselines)) do
    if numbers.finite(baseline.auroc) and (not best or baseline.auroc > best.auroc) then best = baseline end
  end
  return best
end

local function predictor(stage)
  local result = stage.result
  local function figure(name)
    local low, high = numbers.ends(result, name)
    local interval = numbers.interval(low, high, numbers.unit)
    return html.join(node("b", nil, numbers.unit(result[name]) or "?"), interval and " " .. interval)
  end
  local auroc, auprc = qscore.words(result)
  local best, beside = best_baseline(result), nil
  if best and numbers.finite(result.auroc) then
    beside = html.join(best.auroc > result.auroc and " A plain baseline does better: " or " The best plain baseline is ",
      tostring(best.name), " with AUROC ", numbers.unit(best.auroc), ".")
  end
  local empty
  if numbers.finite(result.empty_share) and result.empty_share >= 0.25 then
    empty = html.join(" Note: ", numbers.percent(result.empty_share), " of the samples have no highly active feature",
      numbers.finite(result.epsilon) and (" at epsilon %g"):format(result.epsilon), " and score 0.")
  end
  local probe = stage.settings.probe
  return html.join("As a predictor of which samples ", type(probe) == "string" and code(probe) or "the probe", " gets right, the Q-Score (",
    code(stage.name), ") has AUROC ", figure("auroc"), ": ", auroc, ". It has AUPRC ", figure("auprc"),
    " beside a base rate of ", numbers.unit(result.base_rate) or "?", ": ", auprc, ".",
    beside, empty)
end

local function overlap(figures, encoder)
  local core = type(figures) == "table" and numbers.unit(figures.miou_core)
  if not core then return nil end
  return html.join("mIoU ", node("b", nil, core), " with the core masks and ", numbers.unit(figures.miou_spurious) or "?",
    " with the spurious masks for ", encoder)
end

local function interpretability(r)
  local found = {}
  for _, stage in ipairs(r:finished("interpretability")) do
    local against = stage.settings.against
    found[#found + 1] = overlap(stage.result, encoder_of(r, stage))
    found[#found + 1] = overlap(stage.result.against, type(against) == "string" and code(against) or "the other encoder")
  end
  if #found == 0 then return nil end
  for i = 2, #found do found[i] = html.join("; ", found[i]) end
  return html.join("Overlap of the heatmaps: ", found, ".")
end

-- What a training warned of comes before its figures.
local function warnings(r)
  local out = {}
  for _, w in ipairs(r:warnings()) do
    local when = w.epoch and (", epoch %d"):format(w.epoch)
    out[#out + 1] = node("p", { class = "missing" }, "Warning, ", code(w.stage), when, ": ", w.message)
  end
  return out
end

function verdict.section(r, differences)
  local lead, more = { training(r) }, {}
  for _, d in ipairs(differences) do lead[#lead + 1] = difference(r, d) end
  if #differences == 0 then
    for _, stage in ipairs(r:finished("linear_probe")) do
      lead[#lead + 1] = html.join(" The probe of ", encoder_of(r, stage), " reaches ",
        node("b", nil, numbers.percent(stage.result.top1) or "?"), " top\u{2011}1; there is nothing to compare it with.")
    end
  end
  for _, stage in ipairs(r:finished("qscore")) do more[#more + 1] = node("p", nil, predictor(stage)) end
  local maps = interpretability(r)
  if maps then more[#more + 1] = node("p", nil, maps) end
  local missing, unfinished = r:missing(), nil
  if #missing > 0 then
    local names = {}
    for i, name in ipairs(missing) do names[i] = html.join(i > 1 and ", " or "", code(name)) end
    unfinished = node("p", { class = "missing" }, "This report is not complete. Without a result so far: ", names, ".")
  end
  return node("section", { class = "verdict" }, node("h2", nil, "In short"), unfinished, warnings(r), node("p", nil, lead), more)
end

return verdict
