-- bench_support.lua: what benchmarks share: medians, and the peer in Python. Loaded by dofile from the file beside it.
local lunette = require "lunette"

local support = {folder = arg[0]:match "^(.*)/[^/]*$" or "."}

-- Median of a list and the distance between its quartiles; sorts the list.
function support.median(list)
  table.sort(list)
  return list[(#list + 1) // 2], list[(3 * #list + 3) // 4] - list[(#list + 3) // 4]
end

local function python() return os.getenv "LUNETTE_PYTHON" or "python3" end

local version
-- "PyTorch 2.0.1" of the Python that runs peers, or false where it has none.
function support.torch()
  if version == nil then
    local pipe <close> = io.popen(python() .. " -c 'import torch; print(torch.__version__)' 2>/dev/null")
    local line = pipe:read "l"
    version = line and "PyTorch " .. line or false
  end
  return version
end

-- The lines that the peer's script, peers/NAME.py or the path of one that lies elsewhere, prints when run now with these arguments
-- and our number of threads; nothing without PyTorch. A PyTorch built on OpenBLAS is told the CPU's kernels, as ours is: versions
-- of it fall back to slow ones on newer CPUs.
function support.peer(name, ...)
  if not support.torch() then return end
  local path = name:find "%.py$" and name or ("%s/peers/%s.py"):format(support.folder, name)
  local kernels = lunette.isa == "avx512" and "OPENBLAS_CORETYPE=SKYLAKEX " or ""
  local command = ("%sOMP_NUM_THREADS=%d %s %s %s"):format(kernels, lunette.threads(), python(), path, table.concat({...}, " "))
  local lines = {}
  local pipe <close> = io.popen(command)
  for line in pipe:lines() do lines[#lines + 1] = line end
  return #lines > 0 and lines or nil
end

return support
