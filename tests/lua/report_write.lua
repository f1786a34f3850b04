-- report.html from run directories: complete, partly finished, weak, damaged and hostile.
local t = require "tap"
local json = require "lunette.json"
local report = require "lunette.report"

local root = t.folder()

local function run_dir(name, files)
  local dir = root .. "/" .. name
  assert(os.execute(("mkdir -p '%s/figures/data'"):format(dir)))
  for file, content in pairs(files) do
    t.write(dir .. "/" .. file, type(content) == "table" and json.encode(content) or content)
  end
  return dir
end

local read = t.read

local png = "\137PNG\r\n\26\n" .. "not really" -- the report looks at the signature only

local function full()
  local metrics = {}
  for step = 1, 20 do metrics[step] = json.encode { stage = "pretrain", epoch = 1, step = step, loss = 6 - step / 10 } end
  metrics[21] = json.encode { stage = "pretrain", epoch = 1, knn_top1 = 0.4 }
  return {
    ["config.json"] = {
      name = "quick", seed = 1, model = { backbone = "resnet18" },
      stages = {
        { name = "random_probe", task = "linear_probe", from = "random" },
        { name = "pretrain", task = "simclr", from = "random", epochs = 3, data = "shapes:train" },
        { name = "probe", task = "linear_probe", from = "pretrain" },
        { name = "qscore", task = "qscore", from = "pretrain" },
        { name = "regularized", like = "pretrain", from = "pretrain", epochs = 2, regularize = { kind = "qscore" } },
        { name = "regularized_probe", like = "probe", from = "regularized" },
        { name = "maps", task = "heatmaps" },
        { name = "interpretability", task = "interpretability", from = "pretrain", against = "regularized" },
      },
      report = { title = "A title", compare = { "random_probe", "probe", "regularized_probe" }, figures = { "maps" } },
    },
    ["provenance.json"] = { program = { version = "0.1.0" }, overrides = { "pretrain.epochs=3", "a.b='x'" } },
    ["status.json"] = { state = "finished" },
    ["metrics.jsonl"] = table.concat(metrics, "\n") .. "\n",
    ["results.json"] = {
      random_probe = { top1 = 0.4, ci_low = 0.31, ci_high = 0.5, n = 100, seconds = 1 },
      pretrain = { loss = 4, seconds = 60 },
      probe = { top1 = 0.7, ci_low = 0.61, ci_high = 0.78, n = 100, seconds = 1 },
      qscore = {
        auroc = 0.61, auroc_ci_low = 0.55, auroc_ci_high = 0.67, auprc = 0.78, auprc_ci_low = 0.72, auprc_ci_high = 0.84,
        base_rate = 0.7, n = 100, empty_share = 0.5, epsilon = 4, seconds = 1,
        baselines = { { name = "max activation", auroc = 0.58, auprc = 0.75 } },
        sweep = { { epsilon = 2, auroc = 0.6, auprc = 0.77, empty_share = 0.1 }, { epsilon = 4, auroc = 0.61, auprc = 0.78,
          empty_share = 0.5 } },
      },
      regularized = { loss = 3.9, seconds = 20 },
      regularized_probe = { top1 = 0.7, ci_low = 0.61, ci_high = 0.78, n = 100, seconds = 1 },
      maps = { seconds = 1, figures = { { file = "maps.png", caption = "Sixteen images" } } },
      interpretability = { miou_core = 0.31, miou_spurious = 0.12, pointing = 0.6, energy = 0.4, n = 50, threshold = 0.5, seconds = 1,
        sweep = { { threshold = 0.5, miou_core = 0.31, miou_spurious = 0.12 } },
        against = { miou_core = 0.35, miou_spurious = 0.1, n = 50 },
        difference = { miou_core = 0.04, miou_core_ci_low = -0.01, miou_core_ci_high = 0.09, miou_spurious = -0.02 } },
    },
    ["figures/maps.png"] = png,
    ["figures/data/random_probe.json"] = { correct = ("1"):rep(40) .. ("0"):rep(60) },
    ["figures/data/probe.json"] = { correct = ("1"):rep(70) .. ("0"):rep(30) },
    ["figures/data/regularized_probe.json"] = { correct = ("1"):rep(69) .. "01" .. ("0"):rep(29) },
    ["figures/data/qscore.json"] = report.data.qscore({ 1, 2, 3, 0, 0 }, { true, true, true, false, false }),
  }
end

-- What no report may hold: scripts, handlers, and anything fetched.
local function check_closed(page)
  t.match(page, "default%-src 'none'")
  for _, bad in ipairs { "<script", "javascript:", "<iframe", "<object", "<link", "@import", "url%(", "<form" } do
    t.equal(page:lower():find(bad), nil)
  end
  t.equal(page:match("could not be built[^<]*"), nil)
  for tag in page:gmatch("<[^>]*>") do
    if tag:gsub('"[^"]*"', ""):find("%son%a+%s*=") then error("a handler got out: " .. tag) end
    for _, target in tag:gmatch("%s(%a*src)=\"([^\"]*)\"") do t.match(target, "^data:") end
    t.equal(tag:find("%shref="), nil)
  end
end

t.case("a finished run", function()
  local dir = run_dir("full", full())
  local path, warnings = report.write(dir)
  t.equal(path, dir .. "/report.html")
  t.equal(#warnings, 0)
  local page = read(path)
  check_closed(page)
  for _, text in ipairs {
    "<h1>A title</h1>", ">finished<", "by SimCLR on <code>shapes:train</code> for 3 epochs", "%+30%.0 points",
      "the interval lies above zero",
    "so this run shows no difference", "better than chance", "AUPRC <b>0%.780</b> %[0%.720, 0%.840%] beside a base rate of 0%.700",
    "50%.0\u{A0}%% of the samples have no highly active feature at epsilon 4", "max activation", "Sweep of epsilon", "pretrain: loss",
    "pretrain: accuracy", "Q%-Score by outcome", "Precision and recall", "data:image/png;base64,iVBORw0KGgpub3Q", "Sixteen images",
    "mIoU core", "Sweep of the heatmap threshold", "%+0%.040", "%[\u{2212}0%.010, %+0%.090%]",
    "mIoU <b>0%.350</b> with the core masks and 0%.100 with the spurious masks for <code>regularized</code>",
    "</b> top\u{2011}1 against 40%.0\u{A0}%% for the untrained encoder", "Timings",
    "<details>", "lunette run recipe.lua %-%-set pretrain.epochs=3 %-%-set &#39;a.b=",
  } do t.match(page, text) end
  t.equal(page:find("Problems", 1, true), nil)
  for _, name in ipairs { "comparison", "pretrain-loss", "pretrain-accuracy", "qscore-histogram", "qscore-pr", "qscore-roc",
    "qscore-epsilon",
    "interpretability-threshold" } do
    t.match(read(dir .. "/figures/" .. name .. ".svg"), "^<svg xmlns=")
  end
end)

t.case("the same run gives the same bytes", function()
  local dir = run_dir("full", full())
  t.equal(report.html(dir), report.html(dir))
end)

t.case("a run that was interrupted says what is missing", function()
  local files = full()
  files["status.json"] = { state = "interrupted", stage = "pretrain", message = "stopped at step 20",
    stages = { { name = "pretrain", state = "interrupted", seconds = 12.5 }, { name = "probe", state = "pending", seconds = 0 } } }
  files["results.json"] = { random_probe = { top1 = 0.4, ci_low = 0.31, ci_high = 0.5, n = 100, seconds = 1 } }
  files["metrics.jsonl"] = files["metrics.jsonl"] .. '{"stage":"pret' -- cut off in the middle of a row
  files["figures/maps.png"], files["figures/data/qscore.json"] = nil, nil
  local page = report.html(run_dir("partial", files))
  check_closed(page)
  for _, text in ipairs { "interrupted in stage pretrain", "stopped at step 20", "not complete", "not there yet",
    "stage <code>qscore</code> has no result",
    "pretrain: loss", "has left no picture", "lunette resume", "not run yet", "12%.5 s, interrupted" } do t.match(page, text) end
  t.equal(page:find("metrics.jsonl:", 1, true), nil) -- a cut last row is no problem
end)

t.case("a run before its first result", function()
  local files = { ["config.json"] = full()["config.json"], ["status.json"] = { state = "running", stage = "random_probe" } }
  local page = report.html(run_dir("fresh", files))
  t.match(page, "running in stage random_probe")
  t.match(page, "no rows with a loss")
end)

t.case("weak results are said", function()
  local files = full()
  local q = files["results.json"].qscore
  q.auroc, q.auroc_ci_low, q.auroc_ci_high = 0.52, 0.47, 0.57
  q.auprc, q.auprc_ci_low, q.auprc_ci_high = 0.71, 0.66, 0.76
  local page = report.html(run_dir("weak", files))
  t.match(page, "AUROC <b>0%.520</b> %[0%.470, 0%.570%]: no better than chance: the interval covers 0%.5")
  t.match(page, "no better than the base rate: the interval covers it")
  t.match(page, "A plain baseline does better: max activation with AUROC 0%.580")
  q.auroc, q.auroc_ci_low, q.auroc_ci_high = 0.4, 0.35, 0.45
  t.match(report.html(run_dir("weak", files)), "worse than chance")
  q.auroc_ci_low = nil
  t.match(report.html(run_dir("weak", files)), "no interval, so it cannot be told from chance")
end)

t.case("without flags per sample the difference is said to be unpaired", function()
  local files = full()
  files["figures/data/probe.json"] = nil
  t.match(report.html(run_dir("unpaired", files)), "from the two intervals, not paired %(no flags per sample%)")
end)

t.case("rows that a resumed run repeats count once, the later value wins", function()
  local files = { ["config.json"] = { name = "r", stages = { { name = "pretrain", task = "simclr" } } } }
  files["metrics.jsonl"] = '{"stage":"pretrain","step":1,"loss":5}\n{"stage":"pretrain","step":2,"loss":4}\n'
    .. '{"stage":"pretrain","step":2,"loss":3}\n{"stage":"pretrain","step":3,"loss":2}\n'
  local page = report.html(run_dir("resumed", files))
  t.match(page, "loss: 3 at 2")
  t.equal(page:find("loss: 4 at 2", 1, true), nil)
end)

t.case("what a training warned of stands in the verdict, of a finished stage and of one under way", function()
  local files = full()
  files["results.json"].pretrain.warnings = { { kind = "collapse", epoch = 3, message = "they <collapsed>" }, 7, { message = 1 } }
  local html = report.html(run_dir("warned", files))
  t.contains(html, "Warning, <code>pretrain</code>, epoch 3: they &lt;collapsed&gt;")
  t.equal(select(2, html:gsub("Warning, <code>", "")), 1)
  files["results.json"].pretrain = nil
  files["status.json"] = { state = "running", stages = { { name = "pretrain", warnings = { { epoch = 2, message = "so far" } } } } }
  t.contains(report.html(run_dir("warned-so-far", files)), "Warning, <code>pretrain</code>, epoch 2: so far")
end)

t.case("the monitor's figures are drawn", function()
  local files, rows = full(), {}
  for epoch = 1, 3 do
    rows[epoch] = json.encode { stage = "pretrain", epoch = epoch, loss = 3, embedding_std = 0.1, embedding_width = 64,
      embedding_rank = 9, rankme = 20, qscore = 0.4, qscore_empty = 0.2, probe_top1 = 0.5, knn_top1 = 0.4 }
  end
  files["metrics.jsonl"] = table.concat(rows, "\n") .. "\n"
  local html = report.html(run_dir("monitored", files))
  for _, title in ipairs { "spread of the embeddings", "directions in use", "Q-Score", "samples without highly active features" } do
    t.contains(html, "pretrain: " .. title)
  end
  t.contains(html, "<title>standard deviation of the embeddings: 0.8 at 3") -- 0.1 of 1/sqrt(64)
end)

t.case("curves run over epochs where each row has one, else over steps", function()
  local function page_of(rows)
    local lines = {}
    for i, row in ipairs(rows) do
      row.stage = "pretrain"
      lines[i] = json.encode(row)
    end
    return report.html(run_dir("axis", { ["config.json"] = { stages = { { name = "pretrain", task = "simclr" } } },
      ["metrics.jsonl"] = table.concat(lines, "\n") .. "\n" }))
  end
  local page = page_of { { epoch = 1, step = 10, loss = 5, regularizer = 0.2 }, { epoch = 2, step = 20, loss = 4, regularizer = 0.1 } }
  t.contains(page, ">epoch</text>")
  t.contains(page, "pretrain: Q-Score regularizer")
  page = page_of { { epoch = 1, step = 10, loss = 5 }, { epoch = 1, step = 20, loss = 4 } }
  t.contains(page, ">step</text>")
  t.contains(page_of { { epoch = 1, loss = 900 }, { epoch = 2, loss = 2 } }, "loss (logarithmic)")
end)

t.case("damaged files become problems, not errors", function()
  local files = full()
  files["results.json"].probe.top1 = 70
  files["provenance.json"] = "{ not json"
  files["metrics.jsonl"] = "garbage\n" .. files["metrics.jsonl"]
  files["figures/maps.png"] = "GIF89a"
  files["figures/data/qscore.json"] = "[1, 2"
  local page = report.html(run_dir("damaged", files))
  for _, text in ipairs { "Problems", "probe.top1 must be a share from 0 to 1, got 70", "provenance.json: not a JSON object",
    "metrics.jsonl: 1 lines", "maps.png: not a PNG file", "figures/data/qscore.json: not a JSON object" } do t.match(page, text) end
end)

t.case("every string of a run is hostile", function()
  for _, bad in ipairs { "<script>alert(1)</script>", [=["]]>'><img src=x onerror=alert(1)>]=], "</style></title><b onclick='x'>" } do
    local files = {
      ["config.json"] = { name = bad, about = bad, seed = bad, model = { backbone = bad }, report = { title = bad, compare = { "p", bad },
        figures = { bad } },
        stages = { { name = "p", task = "linear_probe", from = bad, data = bad }, { name = bad, task = bad, from = bad, data = bad },
          { name = bad .. "2", task = "qscore" }, { name = bad .. "3", task = "heatmaps" }, { name = bad .. "4",
            task = "interpretability" },
          { name = bad .. "5", task = "linear_probe", from = bad } } },
      ["provenance.json"] = { [bad] = bad, program = { version = bad }, overrides = { bad } },
      ["status.json"] = { state = bad, stage = bad, message = bad, started = bad,
        stages = { { name = bad .. "2", state = bad, seconds = 1 } } },
      ["metrics.jsonl"] = json.encode { stage = bad, step = 1, loss = 1 } .. "\n" .. json.encode { stage = bad, step = 2,
        loss = bad } .. "\n",
      ["results.json"] = {
        p = { top1 = 0.5, ci_low = bad, ci_high = bad, n = bad, features = bad, seconds = bad, figures = { { file = bad,
          caption = bad } } },
        [bad] = { top1 = bad, seconds = 1, figures = { { file = "m.png", caption = bad } } },
        [bad .. "2"] = { auroc = bad, auprc = bad, base_rate = bad, form = bad, epsilon = bad, mean = bad, n = bad,
          baselines = { { name = bad, auroc = 0.5 }, { name = bad, auroc = bad } }, sweep = { { epsilon = bad, auroc = bad } } },
        [bad .. "3"] = { figures = { { file = "m.png", caption = bad } }, method = bad },
        [bad .. "4"] = { miou_core = bad, miou_spurious = 0.5, threshold = bad, sweep = { { threshold = bad } },
          correct = { miou_core = bad } },
        [bad .. "5"] = { top1 = 0.5, ci_low = 0.4, ci_high = 0.6 },
      },
      ["figures/m.png"] = png,
      ["figures/data/p.json"] = { correct = bad },
    }
    local dir = run_dir("hostile", files)
    local path = report.write(dir)
    local page = read(path)
    check_closed(page)
    t.equal(page:find("alert(1)</script>", 1, true), nil)
    t.equal(page:find("]]>", 1, true), nil)
    t.equal(page:find("<b onclick", 1, true), nil)
    t.match(page, "&lt;")
  end
end)

t.case("values of the wrong kind do not break the page", function()
  for _, odd in ipairs { 7, true, "text", { 1, 2 }, { a = { b = 1 } } } do
    local files = full()
    for _, name in ipairs { "config.json", "results.json" } do
      for key in pairs(full()[name]) do
        local changed = full()
        changed[name][key] = odd
        check_closed(report.html(run_dir("odd", changed)))
      end
    end
    for stage, result in pairs(files["results.json"]) do
      for key in pairs(result) do
        local changed = full()
        changed["results.json"][stage][key] = odd
        check_closed(report.html(run_dir("odd", changed)))
      end
    end
    for _, key in ipairs { "histogram", "pr", "roc" } do
      local changed = full()
      changed["figures/data/qscore.json"][key] = odd
      check_closed(report.html(run_dir("odd", changed)))
    end
    for _, field in ipairs { "stage", "step", "epoch", "loss", "knn_top1" } do
      local changed = full()
      changed["metrics.jsonl"] = json.encode { stage = "pretrain", step = 1, loss = 1, [field] = odd } .. "\n"
      check_closed(report.html(run_dir("odd", changed)))
    end
  end
end)

t.case("a figure outside the folder is not read", function()
  local files = full()
  files["secret.png"] = png
  files["results.json"].maps.figures = { { file = "../secret.png" }, { file = "/etc/passwd" }, { file = "maps.png" } }
  local page = report.html(run_dir("outside", files))
  t.match(page, "%.%./secret%.png: not in figures/")
  local _, pictures = page:gsub("<img ", "")
  t.equal(pictures, 1)
end)

t.case("no run directory is one clear error", function()
  t.raises(function() report.write(root .. "/nowhere") end, "nowhere is no run directory: neither config.json nor results.json")
end)

t.case("missing figures folder: the page is written, the charts are warnings", function()
  local dir = root .. "/bare"
  assert(os.execute(("mkdir -p '%s'"):format(dir)))
  t.write(dir .. "/results.json", json.encode { probe = { top1 = 0.5, ci_low = 0.4, ci_high = 0.6, n = 10 } })
  local path, warnings = report.write(dir)
  t.match(read(path), "nothing to compare it with")
  t.equal(#warnings, 1)
  t.match(warnings[1], "comparison%.svg")
end)

t.finish()
