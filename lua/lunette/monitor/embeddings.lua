-- monitor/embeddings.lua: what a batch's embeddings say about collapse.
local lunette = require "lunette"

local embeddings = {}

local ROWS = 512 -- rows the spectrum is taken over: its cost grows with their cube, and a collapse shows in far fewer

-- z (rows, width) -> {embedding_std, embedding_width, embedding_rank}. embedding_std: standard deviation over the rows of the
-- L2-normalised embeddings, mean over the dimensions: 1/sqrt(width) where they spread evenly, 0 where all are the same (Chen
-- and He 2021, section 4.1). embedding_rank: RankMe of the normalised embeddings, from 1, all on one line; absent where all are 0.
function embeddings.figures(z)
  return lunette.scope(lunette.no_grad, function()
    local unit = z:detach():to("f32"):normalize()
    local std = (unit - unit:mean({1}, true)):square():mean({1}):sqrt():mean():item()
    return {embedding_std = std, embedding_width = z:shape()[2],
            embedding_rank = lunette.metrics.rankme(unit:narrow(1, 1, math.min(unit:shape()[1], ROWS))) or nil}
  end)
end

return embeddings
