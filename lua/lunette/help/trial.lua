-- Runs the code of an example, or of a wrong call: what it prints goes nowhere.

--- (code) -> true; or false and the message without the place it names.
return function(code)
  local nothing = function() end
  local quiet = setmetatable({ print = nothing, io = setmetatable({ write = nothing }, { __index = io }) }, { __index = _G })
  local f, problem = load(code, "=example", "t", quiet)
  if not f then return false, problem end
  local output, stdout = io.output(), io.stdout
  local sink <close> = assert(io.open("/dev/null", "w"))
  io.output(sink)
  rawset(io, "stdout", sink)
  local ok, message = pcall(f)
  io.output(output)
  rawset(io, "stdout", stdout)
  if ok then return true end
  message = tostring(message)
  while message:find "^[%w_./]+:%d+: " do message = message:gsub("^[%w_./]+:%d+: ", "", 1) end
  return false, message
end
