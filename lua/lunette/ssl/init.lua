-- ssl: whole self-supervised methods: encoder, heads, teacher, queue, and the loss of a batch of views.
--
-- A method is one file, lunette/ssl/NAME.lua, and its name in the list below: that makes it lunette.ssl.NAME{encoder =, ...}
-- for scripts, a task for recipes, and a topic of help. The file returns method.define(name, class, doc, settings[, traits]):
-- see ssl/method.lua, and ssl/vicreg.lua for a short one. The class is a module (nn/module.lua) with these functions:
--
--   build(options)        its parts as children: encoder (the one that is trained and kept), heads (ssl/heads.lua), Teacher,
--                         Queue; options are the settings with defaults filled in, encoder, and seed of the heads
--   loss(views)           -> loss (scalar), h, z: from views[1], views[2], ... each (n,3,h,w). h (rows, features) are the
--                         student's representations of the full-size views, with gradient: the Q-Score regularizer is a function
--                         of them; z (rows, width) are the embeddings in which a collapse would show. Changes no state but batch
--                         norm's running statistics
--   before_update()       between backward and the optimizer's step: a frozen layer's gradient is dropped here
--   after_step()          after the optimizer's step: teacher, queue, center, normalised prototypes
--   plateau(n)            -> the loss of a uniform guess over a batch of n images, ln K of methods with a softmax over K; and, of
--                         methods that assign images to prototypes, the loss when all get the same one. A loss that stays at
--                         either is warned of; nil where there is none
--   schedules(steps, steps_per_epoch)   -> {name = f(step)}: values that change with the step, such as the teacher's momentum
--
-- Before every step the training loop sets self.epoch (from 1), self.step (from 0) and self[name] = f(step) for each schedule.
-- Everything else a method remembers is a parameter or a buffer: it is in :state(), so a resumed run is the same run.
local ssl = {mlp = require("lunette.ssl.heads").mlp, methods = {}}

for i, name in ipairs{"simclr", "moco", "mocov3", "byol", "simsiam", "swav", "dino", "vicreg", "barlow"} do
  local row = require("lunette.ssl." .. name)
  ssl.methods[i], ssl[name] = row, row.new
end

return ssl
