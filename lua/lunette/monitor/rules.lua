-- monitor/rules.lua: when a training stage is warned of, and in which words. The rules read the rows of the epochs in order and
-- nothing else, so the rows of a stopped run give the same warnings again.
local rules = {}

-- Share of 1/sqrt(width) below which the embeddings have collapsed. The mean cosine of two images' embeddings is 1 - share^2
-- (for means over the dimensions): at 0.1 it is 0.99. Untrained networks come near that, so it has to last two epochs.
rules.SPREAD = 0.1
-- RankMe of the embeddings below which they lie along a line or two.
rules.RANK = 2.5
-- Distance from the plateau, as a share of it; a loss that moves slowly passes by in a few epochs.
rules.PLATEAU = 0.005
-- Distance from the floor, as a share of what lies between floor and plateau.
rules.FLOOR = 0.01

local CAUSES = "usual causes: no predictor or no stop-gradient (BYOL, SimSiam), assignments that are not balanced (SwAV), a teacher "
  .. "temperature too high or a center that hardly moves (DINO), a learning rate too high; look at these before training on"

local function collapsed(row)
  return row.embedding_std and row.embedding_std * math.sqrt(row.embedding_width) < rules.SPREAD
end

-- Each rule: kind, its name; holds(row) -> true, false or nil where the row lacks the figure; text(row). It warns once, when
-- it holds in `lasts` successive epochs.
local list = {
  {
    kind = "collapse",
    lasts = 2,
    holds = collapsed,
    text = function(row)
      return ("the embeddings have collapsed: their standard deviation is %.2g, against %.2g where they spread evenly (1/sqrt(d) for "
        .. "d = %d), so all images get nearly the same one; %s"):format(row.embedding_std, 1 / math.sqrt(row.embedding_width),
        row.embedding_width, CAUSES)
    end,
  },
  {
    kind = "rank",
    lasts = 2,
    holds = function(row)
      return row.embedding_rank and row.embedding_width >= 4 * rules.RANK and row.embedding_rank < rules.RANK and not collapsed(row)
    end,
    text = function(row)
      return ("the embeddings use %.1f of %d directions (RankMe): they have collapsed to a line or two, in which images can hardly be "
        .. "told apart; %s"):format(row.embedding_rank, row.embedding_width, CAUSES)
    end,
  },
  {
    kind = "plateau",
    lasts = 3,
    -- In the first epoch every method begins there.
    holds = function(row)
      return row.plateau and row.epoch > 1 and math.abs(row.loss - row.plateau) <= rules.PLATEAU * row.plateau
    end,
    text = function(row)
      return ("the loss, %.4g, stays at %.4g, that of a uniform guess: the method has not begun to learn; usual causes: a learning rate "
        .. "too low or too high, a temperature too high, augmentation that leaves nothing in common between two views, embeddings "
        .. "that have collapsed"):format(row.loss, row.plateau)
    end,
  },
  {
    kind = "floor",
    lasts = 2,
    holds = function(row)
      return row.floor and row.plateau and row.loss - row.floor <= rules.FLOOR * (row.plateau - row.floor)
    end,
    text = function(row)
      return ("the loss, %.2g, has vanished: all images are assigned to the same prototype, so there is nothing left to learn; usual "
        .. "causes: assignments that are not balanced (SwAV's Sinkhorn-Knopp, its epsilon too small), a center that hardly moves or a "
        .. "teacher temperature too low (DINO), a learning rate too high"):format(row.loss)
    end,
  },
}

-- see(state, row) -> the warnings {kind, epoch, message} that this row adds; `state` is a table, empty at first.
function rules.see(state, row)
  local new = {}
  for _, rule in ipairs(list) do
    local kind = rule.kind
    state[kind] = rule.holds(row) and (state[kind] or 0) + 1 or 0
    if state[kind] >= rule.lasts and not state[kind .. " said"] then
      state[kind .. " said"] = true
      new[#new + 1] = {kind = kind, epoch = row.epoch, message = rule.text(row)}
    end
  end
  return new
end

return rules
