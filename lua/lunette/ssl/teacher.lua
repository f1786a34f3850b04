-- ssl/teacher.lua: the slow copy of the student that MoCo, BYOL and DINO learn from. Its tensors are buffers: in the state
-- of the method, without gradient, not among its parameters.
local lunette = require "lunette"
local nn = require "lunette.nn"

local Teacher = nn.module.class("Teacher")

-- Teacher{{"encoder", module}, {"projector", module}}: a copy of the student's parts, which run one after the other.
function Teacher:build(parts)
  self.parts, self.targets, self.sources = {}, {}, {}
  for i, part in ipairs(parts) do
    local name, student = part[1], part[2]
    local copy = student:copy()
    for _, p in ipairs(copy:parameters()) do self.targets[#self.targets + 1] = p end
    for _, p in ipairs(student:parameters()) do self.sources[#self.sources + 1] = p end
    self.parts[i] = self:child(name, copy:freeze())
  end
  self.students = parts
end

-- In training mode, as in the references: batch norm uses the statistics of the teacher's own batch and keeps running ones
-- of its own, which are not averaged with the student's.
function Teacher:forward(x)
  return lunette.no_grad(function()
    for _, part in ipairs(self.parts) do x = part(x) end
    return x
  end)
end

-- teacher = momentum teacher + (1 - momentum) student, over the parameters.
function Teacher:update(momentum) lunette.ops.ema_update(self.targets, self.sources, momentum) end

-- The teacher becomes the student, batch norm's running statistics included: after the student's weights were replaced.
function Teacher:follow()
  for i, part in ipairs(self.parts) do part:load_state(self.students[i][2]:state()) end
end

return {Teacher = Teacher}
