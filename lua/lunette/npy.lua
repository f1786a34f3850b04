--- NumPy's .npy files: f32, f64, f16, i64, u8 and bool, in C order (a Fortran-ordered file is transposed).

local lunette = require "lunette"
local io = require "lunette.io"

local npy = {}

--- load(path) -> tensor
function npy.load(path)
  local bytes <close> = io.read(path)
  return io.npy_parse(path, bytes)
end

--- save(path, t): atomic: the file holds its old content or all of the new one.
function npy.save(path, t)
  if not lunette.is_tensor(t) then error("npy.save: expected a tensor, got " .. type(t), 2) end
  local dense <close> = t:detach():to("cpu"):contiguous()
  io.write(path, { io.npy_header(dense), dense })
end

return npy
