-- host: joins the commands of lunette.cli with the program they run in.
local lunette = require "lunette"
local cli = require "lunette.cli"

local host = {
  program = {version = lunette.version, commit = lunette.build.commit, dirty = lunette.build.dirty},
}

local NUMBERS = {SIGINT = 2, SIGTERM = 15}

--- interrupted() -> nil, or the number of the signal that asks the run to stop
function host.interrupted() return NUMBERS[lunette.interrupted()] end

--- device_info(config) -> what provenance keeps of the machine, or nil and why the device cannot be had
function host.device_info(config)
  local device = config.device == "cuda" and "cuda" or "cpu"
  local ok, problem = pcall(lunette.zeros, 1, {device = device})
  if not ok then return nil, (select(2, lunette.last_error())) or problem end
  local m = lunette.machine()
  return {device = device, cpu = m.cpu, isa = m.isa, threads = m.threads, memory_bytes = m.memory_bytes, engine = m.engine,
          compiler = lunette.build.compiler}
end

--- report(dir) -> path
function host.report(dir) return (require "lunette.report".write(dir)) end

--- main(args) -> exit code. A first Ctrl-C or SIGTERM lets the step end and a checkpoint be saved, a second one does not.
function host.main(args)
  lunette.defer_interrupts(true)
  return cli.main(args, host)
end

return host
