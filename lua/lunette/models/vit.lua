-- models/vit.lua: vision transformers (Dosovitskiy et al. 2021) in DINO's form (Caron et al. 2021) and with its parameter
-- names. Their features are the class token after the last norm: signed, where a ResNet's are at least 0.
local lunette = require "lunette"
local nn = require "lunette.nn"
local encoder = require "lunette.models.encoder"
local positions = require "lunette.models.positions"

local class = nn.module.class
local small = nn.initial.normal(0.02)

local Attention = class("Attention")

function Attention:build(dim, heads)
  self.heads = heads
  self:child("qkv", nn.Linear(dim, 3 * dim, {init = small}))
  self:child("proj", nn.Linear(dim, dim, {init = small}))
end

function Attention:forward(x)
  local qkv <close> = self.qkv(x)
  local y <close> = lunette.ops.attention(qkv, self.heads)
  return self.proj(y)
end

local Mlp = class("Mlp")

function Mlp:build(dim, hidden)
  self:child("fc1", nn.Linear(dim, hidden, {init = small}))
  self:child("fc2", nn.Linear(hidden, dim, {init = small}))
end

function Mlp:forward(x)
  local a <close> = self.fc1(x)
  local b <close> = a:gelu()
  return self.fc2(b)
end

local Block = class("Block")

function Block:build(dim, heads, hidden)
  self:child("norm1", nn.LayerNorm(dim, {eps = 1e-6}))
  self:child("attn", Attention(dim, heads))
  self:child("norm2", nn.LayerNorm(dim, {eps = 1e-6}))
  self:child("mlp", Mlp(dim, hidden))
end

function Block:forward(x)
  local a <close> = self.norm1(x)
  local b <close> = self.attn(a)
  local y <close> = x + b
  local c <close> = self.norm2(y)
  local d <close> = self.mlp(c)
  return y + d
end

local PatchEmbed = class("PatchEmbed")

function PatchEmbed:build(dim, patch)
  self:child("proj", nn.Conv2d(3, dim, patch, {stride = patch, bias = true, init = nn.initial.uniform_fan_in()}))
end

-- (n,3,h,w) -> (n, patches, dim)
function PatchEmbed:forward(x)
  local y = self.proj(x)
  local s = y:shape()
  return y:permute(1, 3, 4, 2):reshape(s[1], s[3] * s[4], s[2])
end

local ViT = class("ViT")

function ViT:build(o)
  local grid = o.image // o.patch
  self.patch, self.grid, self.depth = o.patch, grid, o.depth
  self.width, self.features_out, self.precision = o.dim, o.dim, o.precision or "f32"
  self:parameter("cls_token", {1, 1, o.dim}, small)
  self:parameter("pos_embed", {1, 1 + grid * grid, o.dim}, small)
  self:child("patch_embed", PatchEmbed(o.dim, o.patch))
  local blocks = {}
  for i = 1, o.depth do blocks[i] = Block(o.dim, o.heads, 4 * o.dim) end
  self:child("blocks", nn.Sequential(table.unpack(blocks)))
  self:child("norm", nn.LayerNorm(o.dim, {eps = 1e-6}))
end

-- The tokens that enter the first block (n, 1 + rows * columns, dim), rows and columns of the patches.
function ViT:tokens(x)
  local s = x:shape()
  if #s ~= 4 or s[3] % self.patch ~= 0 or s[4] % self.patch ~= 0 then
    error(("models.vit: images must be (n,3,h,w) with h and w multiples of the patch size, %d, got (%s)"):format(self.patch,
      table.concat(s, ",")), 0)
  end
  local rows, columns = s[3] // self.patch, s[4] // self.patch
  local patches <close> = self.patch_embed(x:to(self.precision))
  local first = self.cls_token:to(self.precision):expand({s[1], 1, self.width})
  local all <close> = lunette.ops.cat(first, patches, 2)
  local place = positions.resized(self.pos_embed, self.grid, rows, columns)
  return all + place:to(self.precision), rows, columns
end

-- The class token after the last norm, as f32.
local function pooled(self, tokens)
  local s = tokens:shape()
  return self.norm(tokens:narrow(2, 1, 1):reshape(s[1], s[3])):to("f32")
end

-- tokens through some of the blocks; they are freed unless `kept`.
local function through(self, tokens, first, last, kept)
  local layers = {}
  for i = first, last do layers[#layers + 1] = self.blocks.layers[i] end
  return encoder.chain(tokens, layers, kept)
end

-- x (n,3,h,w) f32 -> representation (n, dim) f32.
function ViT:forward(x) return pooled(self, through(self, (self:tokens(x)), 1, self.depth)) end

-- The same, then the patches as they enter the last block, as a map (n, dim, h/patch, w/patch), and the class token there
-- (n,1,dim): a heatmap shows which of these patches the class token takes a feature from. head(map, class token) -> h.
function ViT:features(x)
  local tokens, rows, columns = self:tokens(x)
  local last = through(self, tokens, 1, self.depth - 1)
  local s = last:shape()
  local a = last:narrow(2, 2, s[2]):reshape(s[1], rows, columns, s[3]):permute(1, 4, 2, 3)
  return pooled(self, through(self, last, self.depth, self.depth, last)), a, last:narrow(2, 1, 1)
end

function ViT:head(a, class_token)
  local s = a:shape()
  local patches = a:permute(1, 3, 4, 2):reshape(s[1], s[3] * s[4], s[2]):to(self.precision)
  return pooled(self, self.blocks.layers[self.depth](lunette.ops.cat(class_token, patches, 2)))
end

-- dim and heads: of the variant. image: the size the position embedding is made for; it is interpolated for others.
local function make(name, dim, heads)
  local who = "models." .. name
  return function(given)
    given = encoder.options(who, given, {patch = true, image = true, depth = true, dim = not dim, heads = not heads})
    local o = {patch = 16, image = 224, depth = 12, dim = dim or 192, heads = heads or 3}
    for k, v in pairs(given) do o[k] = v end
    for _, k in ipairs{"patch", "image", "depth", "dim", "heads"} do encoder.size(who, k, o[k]) end
    if o.image % o.patch ~= 0 then
      error(("%s: image, %d, must be a multiple of patch, %d"):format(who, o.image, o.patch), 2)
    end
    if o.dim % o.heads ~= 0 then error(("%s: dim, %d, must be a multiple of heads, %d"):format(who, o.dim, o.heads), 2) end
    return encoder.ready(ViT(o), o)
  end
end

-- {patch = 16, image = 224, depth = 12, precision = "f32"|"bf16", seed = 0}; vit also takes dim = 192, heads = 3.
return {vit_tiny = make("vit_tiny", 192, 3), vit_small = make("vit_small", 384, 6), vit = make("vit")}
