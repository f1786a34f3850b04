-- tasks/pictures.lua: sheets of images with the heatmaps of their features beside them, in figures/.
local explain = require "lunette.explain"
local image = require "lunette.image"
local lunette = require "lunette"

local pictures = {}

local SIDE = 64 -- pixels of a picture's shorter side at least, so that small images can be seen

local function enlarged(images)
  local _, _, h, w = table.unpack(images:shape())
  local times = math.max(1, math.ceil(SIDE / math.min(h, w)))
  return lunette.ops.resize(images, h * times, w * times, { filter = "bilinear" }), h * times, w * times
end

--- sheet(env, file, rows, options): rows = list of {image = (3,h,w) u8, maps = list of (h,w) maps, captions = {...}}; each
--- row shows the image, then the image under each map. options: columns (pictures in a row), alpha.
function pictures.sheet(env, file, rows, options)
  lunette.scope(function()
    local cells, captions, size = {}, {}, nil
    for _, row in ipairs(rows) do
      local s = row.image:shape()
      local big, h, w = enlarged(row.image:reshape(1, s[1], s[2], s[3]))
      size = size or { h, w }
      cells[#cells + 1] = (big * 255 + 0.5):to("u8")
      captions[#cells] = row.captions[1] or ""
      for k = 1, options.columns - 1 do
        local map = row.maps[k]
        if map then
          local unit = lunette.ops.resize(explain.unit_range(map):reshape(1, 1, s[2], s[3]), h, w, { filter = "bilinear" })
          cells[#cells + 1] = explain.overlay(big, unit:reshape(1, h, w), { alpha = options.alpha or 0.5 })
        else
          cells[#cells + 1] = lunette.full({ 1, 3, h, w }, 255, { dtype = "u8" })
        end
        captions[#cells] = row.captions[k + 1] or ""
      end
    end
    local all = lunette.zeros(#cells, 3, size[1], size[2], { dtype = "u8" })
    for i, cell in ipairs(cells) do all:narrow(1, i, i):copy(cell) end
    image.write(env.figure_path(file), explain.montage(all, { columns = options.columns, captions = captions }))
  end)
end

return pictures
