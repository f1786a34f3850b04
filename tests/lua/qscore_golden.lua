-- qscore_golden.lua: scores, sets, shares, discriminative features and the regularizer against reference values.
local lunette = require "lunette"
local t = require "tap"
local golden = require "golden_support"

-- The settings of each case; the rest is in the files. See tests/golden/README.md.
local cases = {
  qscore_eps4_all = { 4, "all" }, qscore_eps4_nonzero = { 4, "nonzero" }, qscore_eps1_all = { 1, "all" },
  qscore_eps1_nonzero = { 1, "nonzero" }, qscore_given_features = { 1, "all" }, qscore_bounds_on_features = { 1, "all" },
  qscore_one_row = { 1, "all" }, qscore_no_high_features = { 4, "all" }, qscore_edge_rows = { 1, "all" },
  qscore_signed = { 1, "all" },
}

for _, name in ipairs(golden.names("^qscore_")) do
  t.case("no case is left out: " .. name, function() t.ok(cases[name], "settings of " .. name) end)
end

local function leaf(x, dtype)
  local h = x:to(dtype):clone()
  h.requires_grad = true
  return h
end

for name, settings in pairs(cases) do
  local epsilon, over = settings[1], settings[2]
  for _, dtype in ipairs { "f64", "f32" } do
    local tolerance = dtype == "f64" and 1e-10 or 2e-5
    t.case(name .. " " .. dtype, function()
      local file = golden.load(name)
      local h = file.h:to(dtype)
      local share, active = lunette.qscore.activation(h, { epsilon = epsilon })
      golden.near(share, file.activation, 1e-6, "activation")
      t.equal(active:totable(), file.highly_active:to("f64"):sum({ 2 }):to("i64"):totable(), "size of L")
      local found, low, high = lunette.qscore.discriminative(h, { epsilon = epsilon, over = over })
      t.equal(found:totable(), file.discriminative:totable(), "D")
      local bounds = file.bounds:totable()
      t.ok(math.abs(low - bounds[1]) < 1e-6 and math.abs(high - bounds[2]) < 1e-6, "bounds")
      for _, form in ipairs { "v6", "v3", "v1" } do
        local x = leaf(file.h, dtype)
        local q, count = lunette.qscore.score(x, { epsilon = epsilon, over = over, form = form, features = file.features })
        golden.near(q, file["score_" .. form], tolerance, "score " .. form)
        if file["count_" .. form] then t.equal(count:totable(), file["count_" .. form]:totable(), "count " .. form) end
        if file["dh_" .. form] then
          q:backward(file.dscore:to(dtype))
          golden.near(x.grad, file["dh_" .. form], tolerance, "dh " .. form)
        end
      end
      local _, _, mean, deviation = lunette.ops.qscore_summary(h, { epsilon = epsilon })
      golden.near(mean, file.mean, tolerance, "mean")
      golden.near(deviation, file.std, tolerance, "std")
    end)
    t.case(name .. " regularizer " .. dtype, function()
      local file = golden.load(name)
      for label, weights in pairs { reg = { 1e-4, 1e-4 }, reg_low = { 0.5, 0 } } do
        for _, form in ipairs { "v6", "v3" } do
          local expected = file[label .. "_" .. form .. "_loss"]
          if expected then
            local x = leaf(file.h, dtype)
            local features = form == "v6" and (file.features or file.discriminative) or nil
            local loss = lunette.qscore.regularizer(x, { low_weight = weights[1], over_weight = weights[2], epsilon = epsilon,
              features = features })
            golden.near(loss, expected, tolerance, label .. " " .. form)
            loss:backward()
            golden.near(x.grad, file[label .. "_" .. form .. "_dh"], tolerance, label .. " " .. form .. " dh")
          end
        end
      end
    end)
  end
end

t.finish()
