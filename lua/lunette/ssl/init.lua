-- ssl: whole self-supervised methods: encoder, heads, loss of a batch of views. A method is a module with
--   method:loss(views) -> scalar loss, from views[1], views[2], ... each (n,3,h,w)
--   method.encoder, and parameters(), state() as every module.
return {simclr = require("lunette.ssl.simclr").simclr, projector = require("lunette.ssl.projector").projector}
