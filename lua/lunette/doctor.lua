-- doctor: what this machine and this build offer, and for what is absent, why.
local lunette = require "lunette"

local doctor = {}

local function gigabytes(bytes) return ("%.1f GB"):format(bytes / 1e9) end

local function terminal()
  local term = os.getenv "TERM" or "not set"
  local colour = os.getenv "NO_COLOR"
  return term .. (colour and colour ~= "" and ", NO_COLOR set" or "")
end

--- lines() -> list of {name, text}
function doctor.lines()
  local m, build = lunette.machine(), lunette.build
  local rows = {
    {"program", ("Lunette %s (%s%s), %s, %s"):format(lunette.version, build.commit, build.dirty and ", with changes" or "",
      build.type, build.compiler)},
    {"lua", _VERSION},
    {"cpu", m.cpu},
    {"threads", ("%d of %d processors"):format(m.threads, m.cores)},
    {"our kernels", m.isa},
    {"memory", ("%s, %s free"):format(gigabytes(m.memory_bytes), gigabytes(m.available_bytes))},
  }
  for name, text in (m.engine or ""):gmatch "([^:\n]+): *([^\n]*)" do rows[#rows + 1] = {name, text} end
  local _, gpu = lunette.device "cuda"
  for name, text in gpu:gmatch "([^:\n]+): *([^\n]*)" do rows[#rows + 1] = {name, text} end
  rows[#rows + 1] = {"library", os.getenv "LUNETTE_PATH" and "from LUNETTE_PATH, " .. os.getenv "LUNETTE_PATH" or "embedded"}
  rows[#rows + 1] = {"terminal", terminal()}
  return rows
end

function doctor.main()
  for _, row in ipairs(doctor.lines()) do print(("%-12s %s"):format(row[1], row[2])) end
  return 0
end

return doctor
