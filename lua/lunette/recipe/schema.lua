--- What a recipe may say, format 1: every key with its type, range, default and a line of explanation.

local t = require "lunette.recipe.schema.types"
local data = require "lunette.recipe.schema.data"
local model = require "lunette.recipe.schema.model"
local tasks = require "lunette.recipe.schema.tasks"
local augment = require "lunette.recipe.schema.augment"

local schema = { data = data, model = model, tasks = tasks, augment = augment, format = 1 }

schema.name_pattern = "^[%l%d][%l%d_-]*$"

schema.recipe = t.record {
  doc = "a recipe",
  fields = {
    format = t.integer { required = true, min = 1, max = schema.format, doc = "version of the recipe format" },
    name = t.string {
      required = true,
      pattern = schema.name_pattern,
      expects = "small letters, digits, '-' and '_'",
      max = 64,
      doc = "name of the recipe, part of the run directory's name",
    },
    about = t.string { default = "", doc = "what the recipe is for" },
    needs = t.record {
      default = {},
      doc = "what the recipe needs to run",
      fields = {
        program = t.string { doc = 'versions of the program, such as ">=0.3 <1.0"' },
        device = t.string {
          choices = { "cpu", "cuda", "cuda or cpu", "cpu or cuda" },
          doc = "the devices it can run on",
        },
        disk_gb = t.number { above = 0, max = 1000, doc = "GB that the run may write; without it, 20" },
        memory_gb = t.number { above = 0, max = 100000, doc = "main memory in GB" },
      },
    },
    seed = t.integer { default = 1, min = 0, max = 2 ^ 53 // 1 | 0, doc = "the root of every random number" },
    determinism = t.string {
      default = "strict",
      choices = { "strict", "fast" },
      doc = "bit-equal runs on the same build and device; fast: also kernels of cuDNN that add in another order each time",
    },
    device = t.string {
      default = "auto",
      choices = { "auto", "cpu", "cuda" },
      doc = "where to run",
    },
    precision = t.string { default = "auto", choices = model.precisions, doc = "precision of the encoder unless the model says otherwise" },
    data = t.map {
      required = true,
      pattern = schema.name_pattern,
      expects = "small letters, digits, '-' and '_'",
      of = t.variant { doc = "a data set", variants = data, required = true },
      doc = "data sets by name",
    },
    model = model.type,
    stages = t.list {
      required = true,
      min_items = 1,
      max_items = 1000,
      of = t.record { doc = "a stage", fields = {} }, -- by task: see lunette.recipe.check
      doc = "the stages, run in this order",
    },
    smoke = t.map {
      of = t.setting { doc = "the value of a key" },
      pattern = "^[^.]",
      expects = 'the form of --set, as in ["pretrain.epochs"]',
      doc = "settings that make a run a matter of seconds, used by --smoke; in a configuration, those that were used",
    },
    report = t.record {
      default = {},
      doc = "what the report shows",
      fields = {
        title = t.string { doc = "title; without it, the recipe's name" },
        compare = t.list {
          of = t.stage { later = true, doc = "a stage" },
          max_items = 100,
          doc = "probes to set side by side, in this order; without it, all of them",
        },
        figures = t.list {
          of = t.stage { later = true, doc = "a stage" },
          max_items = 100,
          doc = "stages whose figures to show; without it, all",
        },
      },
    },
  },
}

-- Keys of every stage, whatever its task. They steer the making of the configuration and are not settings.
schema.stage = {
  name = t.string {
    required = true,
    pattern = schema.name_pattern,
    expects = "small letters, digits, '-' and '_'",
    max = 64,
    doc = "name of the stage",
  },
  task = t.string { required = true, doc = "what the stage does" },
  like = t.string { doc = "the stage whose settings to copy" },
}

--- Names a stage cannot have, because `--set name.key=value` would mean two things.
schema.reserved = { random = true, extends = true }
for name in pairs(schema.recipe.fields) do schema.reserved[name] = true end

return schema
