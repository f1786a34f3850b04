-- What the REPL shows of an error: the message, the line of source it names, and the frames of the user's own code. Frames
-- of the program itself tell users nothing they could change.

local misspelt = require "lunette.misspelt"

-- Of the frames, those of the user's chunks and functions. C functions count between them (a sort, a pcall), not where the
-- error was raised or where the session itself begins.
local function frames_of(trace)
  local frames, last = {}, 0
  for frame in (trace or ""):gmatch "[^\n]+" do
    local shown = frame:sub(1, 1) == "\t" and not frame:find "^\tlunette/" and not frame:find "^\t%(%.%.%.tail calls"
    local in_c = frame:find "^\t%[C%]: "
    if shown and not (in_c and #frames == 0) then
      frames[#frames + 1] = frame
      if not in_c then last = #frames end
    end
  end
  return table.move(frames, 1, last, 1, {})
end

local function nth_line(text, n)
  for line in (text .. "\n"):gmatch "(.-)\r?\n" do
    n = n - 1
    if n == 0 then return line end
  end
end

local function text_of(path)
  local file = io.open(path, "r")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

-- chunk is as messages name it; source, where it is known, is its whole name as `load` got it.
local function source_line(chunk, number, source, inputs)
  local text = inputs[chunk]
  if not text and source and source:sub(1, 1) == "@" then text = text_of(source:sub(2)) end
  local line = text and nth_line(text, number)
  if line and line:find "%S" then return ("%6d | %s"):format(number, line) end
end

--- The text to show for an error of input `current` ("repl[7]"), given its message and traceback, the whole name of the
--- chunk that the message names, and the text of all inputs by name.
return function(message, trace, source, inputs, current)
  local frames = frames_of(trace)
  local chunk, number, said = message:match "^([^\n]-):(%d+): (.*)$"
  local inside = ""
  if chunk and chunk:find "^lunette/" then -- a place in the program: name the caller's
    inside = (" (in %s:%s)"):format(chunk, number)
    chunk, number = (frames[1] or ""):match "^\t(.-):(%d+): "
    if not chunk then chunk, number = current, 1 end -- called last in the input, which leaves no frame
    message = ("%s:%d: %s"):format(chunk, number, said)
  end
  local line = chunk and source_line(chunk, tonumber(number), source, inputs)
  local parts = { message .. inside .. misspelt(message, line), line }
  -- The input alone says nothing that the message does not.
  if #frames > 1 or (#frames == 1 and not frames[1]:find "in main chunk$") then
    parts[#parts + 1] = "stack traceback:"
    table.move(frames, 1, #frames, #parts + 1, parts)
  end
  return table.concat(parts, "\n")
end
