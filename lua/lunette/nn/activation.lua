-- nn/activation.lua: layers without parameters.
local module = require "lunette.nn.module"

local ReLU = module.class("ReLU")
function ReLU:build() end
function ReLU:forward(x) return x:relu() end

-- In its exact form (Hendrycks and Gimpel 2016).
local GELU = module.class("GELU")
function GELU:build() end
function GELU:forward(x) return x:gelu() end

-- Everything but the first axis in one.
local Flatten = module.class("Flatten")
function Flatten:build() end
function Flatten:forward(x) return x:reshape(x:shape()[1], -1) end

local Identity = module.class("Identity")
function Identity:build() end
function Identity:forward(x) return x end

return {ReLU = ReLU, GELU = GELU, Flatten = Flatten, Identity = Identity}
