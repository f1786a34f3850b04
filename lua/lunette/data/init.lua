--- Data sets: {n, images, labels, classes [, masks, grounds]}.
---   images  (n,3,h,w) u8, stored channels-last       labels  (n) i64, positions into classes (from 1); nil where unknown
---   classes list of names                            masks   {core = (n,h,w) u8, spurious = (n,h,w) u8}, where known

return {
  cifar10 = require("lunette.data.cifar").cifar10,
  cifar100 = require("lunette.data.cifar").cifar100,
  stl10 = require "lunette.data.stl",
  shapes = require "lunette.data.shapes",
  folder = require "lunette.data.folder",
  loader = require "lunette.data.loader",
}
