-- host: joins the commands of lunette.cli with the program they run in.
local lunette = require "lunette"
local cli = require "lunette.cli"

local host = {
  program = {version = lunette.version, commit = lunette.build.commit, dirty = lunette.build.dirty},
}

local NUMBERS = {SIGINT = 2, SIGTERM = 15}

--- interrupted() -> nil, or the number of the signal that asks the run to stop
function host.interrupted() return NUMBERS[lunette.interrupted()] end

-- "auto" is cuda where it can be used and the recipe does not need the CPU.
local function chosen(config)
  if config.device ~= "auto" then return config.device == "cuda" and "cuda" or "cpu" end
  local needed = config.needs and config.needs.device or "cuda or cpu"
  if not needed:find("cuda", 1, true) then return "cpu" end
  if not needed:find("cpu", 1, true) then return "cuda" end
  return lunette.device "cuda" and "cuda" or "cpu"
end

-- What is known of the GPU that is used, for provenance; nothing on the CPU. What changes from hour to hour, such as free memory, is
-- left out, and so are paths: they may name the user.
local function gpu(device)
  if device ~= "cuda" then return {} end
  local _, text = lunette.device "cuda"
  local version = io.open "/proc/driver/nvidia/version"
  local driver = version and (version:read "l" or ""):match "Module%s+([%d.]+)"
  if version then version:close() end
  return {gpu = text:match "cuda: ([^\n]*)", driver = driver or text:match "gpu driver: ([^\n]*)", cublas = text:match "cublas: ([^\n]*)",
          cudnn = text:match "cudnn: ([^,\n]*)"}
end

--- device_info(config) -> what provenance keeps of the machine, or nil and why the device cannot be had
function host.device_info(config)
  local device = chosen(config)
  local ok, problem = pcall(lunette.zeros, 1, {device = device})
  if not ok then return nil, (select(2, lunette.last_error())) or problem end
  local m, g = lunette.machine(), gpu(device)
  return {device = device, cpu = m.cpu, isa = m.isa, threads = m.threads, memory_bytes = m.memory_bytes, engine = m.engine,
          compiler = lunette.build.compiler, gpu = g.gpu, gpu_driver = g.driver, cublas = g.cublas,
          cudnn = g.cudnn}
end

--- report(dir) -> path
function host.report(dir) return (require "lunette.report".write(dir)) end

--- main(args) -> exit code. A first Ctrl-C or SIGTERM lets the step end and a checkpoint be saved, a second one does not.
function host.main(args)
  lunette.defer_interrupts(true)
  return cli.main(args, host)
end

return host
