--- Maps against masks. A map is (h,w) or a batch (n,h,w), masks have the same shape; a mask is bool or u8, or a floating
--- tensor whose positive elements belong to it.
local lunette = require "lunette"
local options_of = require "lunette.options"

local masks = {}

local function batch(who, map, mask)
  if not lunette.is_tensor(map) or not lunette.is_tensor(mask) then error(who .. ": map and mask must be tensors", 0) end
  local a, b = table.concat(map:shape(), ","), table.concat(mask:shape(), ",")
  if a ~= b or (map:ndim() ~= 2 and map:ndim() ~= 3) then
    error(("%s: map and mask must have one shape, (h,w) or (n,h,w), got (%s) and (%s)"):format(who, a, b), 0)
  end
  local m, k = map:detach(), mask:detach():to(map:device())
  local d = k:dtype()
  if d ~= "u8" and d ~= "bool" then k = lunette.ops.lt(k * 0, k):to("bool") end
  d = m:dtype()
  if d ~= "f32" and d ~= "f64" then m = m:to("f32") end
  if m:ndim() == 3 then return m, k, false end
  local h, w = table.unpack(m:shape())
  return m:reshape(1, h, w), k:reshape(1, h, w), true
end

--- scores(map, mask, {thresholds = {0.25, 0.5, 0.75}}) -> iou (n,t), pointing (n), energy (n), f64 tensors.
--- iou: of the mask with the pixels of at least a threshold, a share of the map's maximum. pointing: 1 where the largest
--- pixel lies in the mask. energy: share of the map's positive sum inside the mask. A map without positive values has 0.
function masks.scores(map, mask, given)
  local o = given or {}
  options_of.check("scores", o, { thresholds = true })
  return lunette.scope(function()
    local m, k = batch("scores", map, mask)
    return lunette.ops.map_scores(m, k, lunette.tensor(o.thresholds or { 0.5 }, { dtype = "f64", device = m:device() }))
  end)
end

local function one(who, which, map, mask, thresholds)
  return lunette.scope(function()
    local m, k, single = batch(who, map, mask)
    local all = { lunette.ops.map_scores(m, k, lunette.tensor(thresholds, { dtype = "f64", device = m:device() })) }
    local value = all[which]
    if not single then return #thresholds == 1 and value:reshape(m:shape()[1]) or value end
    if value:numel() == 1 then return value:reshape(1):item() end
    return value:totable()[1]
  end)
end

--- iou(map, mask, {threshold = 0.5 | thresholds = {...}}) -> number for one map, f64 (n) for a batch; with thresholds a
--- list, or f64 (n,t).
function masks.iou(map, mask, given)
  local o = given or {}
  options_of.check("iou", o, { threshold = true, thresholds = true })
  return one("iou", 1, map, mask, o.thresholds or { o.threshold or 0.5 })
end

--- pointing(map, mask) -> 1 or 0 for one map, f64 (n) for a batch.
function masks.pointing(map, mask) return one("pointing", 2, map, mask, { 0.5 }) end

--- energy(map, mask) -> share of the map's positive sum that lies in the mask; number, or f64 (n).
function masks.energy(map, mask) return one("energy", 3, map, mask, { 0.5 }) end

--- unit_range(map) -> each map stretched to 0..1; a constant one becomes 0.
function masks.unit_range(map)
  if not lunette.is_tensor(map) then error("unit_range: map must be a tensor (h,w) or (n,h,w), got a " .. type(map), 2) end
  return lunette.scope(function()
    local s = map:shape()
    local pixels = s[#s] * s[#s - 1]
    local flat = map:detach():reshape(-1, pixels)
    local low = -((-flat):max(2)):reshape(-1, 1)
    local range = (flat:max(2)):reshape(-1, 1) - low
    local constant = lunette.ops.le(range, 0)
    return ((flat - low) / lunette.ops.where(constant, range * 0 + 1, range)):reshape(s)
  end)
end

return masks
