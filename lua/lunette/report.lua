--- Builds report.html from a run directory: one file, no scripts, nothing fetched; also figures/NAME.svg per chart.
--
--     local path, warnings = require("lunette.report").write(dir)
--
-- It works on what is there: a run that is under way, was interrupted or failed gets a report that says what is
-- missing. What it reads, beyond config.json, provenance.json and status.json {state=, stage=, message=}
-- (state "running", "finished", "interrupted" or "failed"):
--
-- Numbers. Every share (top1, auroc, auprc, base_rate, empty_share, miou_*, pointing, energy) is a fraction in 0..1,
-- seconds are seconds, a missing value is absent or null. The 95 % interval of a figure NAME is NAME_ci_low and
-- NAME_ci_high; only that of `top1` is plain ci_low, ci_high.
--
-- metrics.jsonl, one object per line: stage (string) and step and/or epoch; then any of
--   loss                                       the loss curve of the stage
--   regularizer                                the curve of the term that `regularize` adds
--   top1, train_top1, test_top1, knn_top1, probe_top1     the accuracy curves of the stage
--   embedding_std, embedding_width             the spread of the embeddings, as a share of 1/sqrt(width)
--   embedding_rank, rankme                     directions in use
--   qscore, qscore_empty                       mean Q-Score, share of samples without any highly active feature
--   (all over epochs where each row has its own, else over steps)
--   other numbers, such as lr                  kept in the file, not drawn
--   Rows with the same stage, epoch and step are one row; the later value of a field counts (a resumed run repeats rows).
--
-- results.json, one object per stage, keyed by stage name, each with `seconds`, and by task
--   pretrain and fine-tune   loss (last), epochs, steps, warnings = [{kind, epoch, message}] (of a stage that is not
--                            finished, in status.json's entry of the stage)
--   linear_probe, knn        top1, ci_low, ci_high, n; for a probe on D alone also features (how many it used)
--   qscore                   auroc, auprc, base_rate (each with its interval), n, empty_share, mean, epsilon, form,
--                            features (size of D), r (length of a representation),
--                            baselines = [{name, auroc, auprc, and their intervals}],
--                            sweep = [{epsilon, auroc, auprc, empty_share}]
--   heatmaps                 images, features, method, and figures = [{file, caption}]
--   interpretability         miou_core, miou_spurious, pointing, energy (with intervals where known), n, threshold,
--                            sweep = [{threshold, miou_core, miou_spurious}],
--                            correct = {the same figures for correctly classified samples}, wrong = {...},
--                            against = {the same, correct and wrong included, for the encoder that the stage's `against`
--                            names}, difference = {against - own, paired by image, with intervals}
--   any stage                figures = [{file, caption}]: plain names of PNG or SVG files in figures/; without it
--                            figures/STAGE.png and figures/STAGE.svg are shown where they exist
--
-- figures/data/STAGE.json, chart data; lunette.report.data makes both forms
--   linear_probe, knn        correct = "0101...", one flag per test sample in file order: lets two probes on the same
--                            samples be compared in pairs
--   qscore                   histogram = {edges, correct, wrong: counts per bin; zero = {correct, wrong}: counts of samples
--                            that score exactly 0, not in the bins}, pr = {recall, precision}, roc = {fpr, tpr}
--
-- The recipe's `report` block: title; compare = names of probe stages in the order to compare (each with the one
-- before it; default: all linear probes); figures = names of stages whose figures are shown (default: all).
local charts = require "lunette.report.charts"
local compare = require "lunette.report.compare"
local curves = require "lunette.report.curves"
local html = require "lunette.report.html"
local maps = require "lunette.report.maps"
local qscore = require "lunette.report.qscore"
local record = require "lunette.report.record"
local run = require "lunette.report.run"
local verdict = require "lunette.report.verdict"

local report = { data = require "lunette.report.data" }

--- The report as one string. charts_out, where given, collects {name, display list} of every chart.
function report.html(dir, charts_out)
  local r = run.open(dir)
  local drawn = charts.collector(charts_out)
  local differences = compare.differences(r)
  local title = r:options().title or r.config.name or "Lunette run"
  -- What one section cannot digest must not cost the reader the others.
  local function build(what, section, ...)
    local ok, made = pcall(section, r, ...)
    if ok then return made end
    r.problems[#r.problems + 1] = ("the section on %s could not be built: %s"):format(what, tostring(made))
    return nil
  end
  local sections = table.pack(
    build("the verdict", verdict.section, differences),
    build("the comparison", compare.section, differences, drawn),
    build("training", curves.section, drawn),
    build("the Q-Score", qscore.section, drawn),
    build("heatmaps", maps.heatmaps),
    build("interpretability", maps.interpretability, drawn),
    build("timings", record.timings),
    build("reproduction", record.reproduce),
    build("the record", record.details))
  local problems = record.problems(r) -- last: the sections above may have met some
  return html.page(title, record.header(r, title), problems, sections)
end

local function write_whole(path, text)
  local part = path .. ".part"
  local file, why = io.open(part, "wb")
  if not file then error("report: cannot write " .. tostring(why), 0) end
  local written, failed = file:write(text)
  local closed, late = file:close()
  if not (written and closed) then
    os.remove(part)
    error(("report: cannot write %s: %s"):format(path, failed or late), 0)
  end
  local ok, moved = os.rename(part, path)
  if not ok then error("report: cannot write " .. tostring(moved), 0) end
end

--- Writes DIR/report.html (whole or not at all) and DIR/figures/NAME.svg. Returns the path and a list of warnings:
-- charts whose file could not be written. Raises where DIR is no run directory or report.html cannot be written.
function report.write(dir)
  local drawn = {}
  local path = dir .. "/report.html"
  write_whole(path, report.html(dir, drawn))
  return path, charts.save(dir .. "/figures", drawn)
end

return report
