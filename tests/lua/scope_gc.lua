-- Memory: scopes, the collector's soft limit, failing allocations, flat memory over many steps.
local lunette = require "lunette"
local t = require "tap"

local function live()
  collectgarbage()
  return lunette.memory().live_bytes
end

local MB = 1 << 20

t.case("a scope frees what it does not return", function()
  local before = live()
  local inside
  local a, list = lunette.scope(function(n)
    inside = lunette.ones(n)
    return inside + 1, {lunette.ones(n), deep = {lunette.ones(n)}}
  end, MB)
  t.equal(lunette.memory().live_bytes - before, 8 * MB, "what is returned, also in a table; nothing else")
  t.equal(a[1], 2.0)
  t.equal(list[1][1], 1.0)
  t.match(select(2, pcall(function() return inside[1] end)), "was freed")
  t.match(select(2, pcall(function() return list.deep[1][1] end)), "was freed", "not deeper")
end)

t.case("scopes nest; survivors belong to the next", function()
  local before = live()
  local out = lunette.scope(function()
    local a = lunette.scope(function()
      local tmp = lunette.ones(MB)
      return tmp * 2
    end)
    local b = lunette.scope(function() return lunette.ones(MB) end)
    return a + b
  end)
  t.equal(lunette.memory().live_bytes - before, 4 * MB)
  t.equal(out[1], 3.0)
end)

t.case("a tensor from outside passes through unharmed", function()
  local x = lunette.ones(2)
  local y = lunette.scope(function() return lunette.scope(function() return x end) end)
  t.ok(rawequal(x, y))
  t.equal(x[1], 1.0)
end)

t.case("errors free and go on", function()
  local before = live()
  local escaped
  local ok, message = pcall(lunette.scope, function()
    escaped = lunette.ones(MB)
    lunette.scope(function() lunette.ones(MB) error("wrong", 0) end)
  end)
  t.equal(ok, false)
  t.equal(message, "wrong")
  t.equal(lunette.memory().live_bytes, before)
  t.match(select(2, pcall(function() return escaped[1] end)), "was freed")
  t.equal(lunette.ones(1)[1], 1.0, "boxes made afterwards are not in a dead scope")
end)

t.case("the traceback shows the frames inside a scope", function()
  local function culprit() error("here") end
  local _, trace = xpcall(lunette.scope, debug.traceback, function() culprit() end)
  t.match(trace, "culprit")
end)

t.case("keep takes tensors out of the scope", function()
  local kept
  lunette.scope(function() kept = lunette.keep(lunette.ones(2)) end)
  t.equal(kept[1], 1.0)
end)

t.case("tensors of a coroutine outlive the scope that resumed it", function()
  local next_batch = coroutine.wrap(function()
    local mine = lunette.ones(3)
    while true do coroutine.yield(mine:sum():item()) end
  end)
  t.equal(lunette.scope(next_batch), 3.0)
  t.equal(lunette.scope(next_batch), 3.0)
end)

t.case("a scope inside a coroutine works", function()
  local co = coroutine.wrap(function() return lunette.scope(function() return lunette.ones(2) * 2 end) end)
  t.equal(lunette.scope(function() return co()[1] end), 2.0)
end)

t.case("gradients cross scopes", function()
  local w = lunette.ones(3, {requires_grad = true})
  lunette.scope(function()
    local h = lunette.scope(function() local u = w * 2 return u * u end)
    h:sum():backward()
  end)
  t.equal(w.grad:totable(), {8.0, 8.0, 8.0})
end)

t.case("the soft limit collects before memory grows", function()
  collectgarbage()
  lunette.reset_peak_memory()
  for _ = 1, 2000 do local _ = lunette.ones(MB / 4) end
  t.ok(lunette.memory().peak_bytes < 400 * MB, "2 GB of garbage stay below 400 MB")
end)

t.case("collectgarbage('stop') is honoured", function()
  collectgarbage()
  collectgarbage "stop"
  lunette.reset_peak_memory()
  for _ = 1, 400 do local _ = lunette.ones(MB / 4) end
  local peak = lunette.memory().peak_bytes
  collectgarbage "restart"
  collectgarbage()
  t.ok(peak >= 400 * MB, "nothing was collected meanwhile")
end)

t.case("memory is flat over many steps", function()
  local w = lunette.randn({64, 64}, {requires_grad = true})
  local function step()
    lunette.scope(function()
      (w * w + w):sum():backward()
      lunette.no_grad(function() w:copy(w - w.grad * 1e-6) end)
      w.grad = nil
    end)
  end
  for _ = 1, 50 do step() end
  collectgarbage()
  local before = lunette.memory()
  for _ = 1, 2000 do step() end
  local after = lunette.memory()
  t.equal(after.live_bytes, before.live_bytes)
  t.equal(after.core_blocks, before.core_blocks)
end)

t.case("memory beyond the limit is an error with numbers, and garbage goes first", function()
  collectgarbage()
  lunette.memory_limit(lunette.memory().live_bytes + 100 * MB)
  for _ = 1, 10 do local _ = lunette.ones(10 * MB) end -- 40 MB each: fits only when garbage is collected
  local hold = lunette.ones(15 * MB)
  local ok, message = pcall(lunette.ones, 15 * MB)
  lunette.memory_limit(0)
  t.equal(ok, false)
  t.match(message, "out of memory on cpu: %d+ bytes wanted, %d+ in use, limit %d+")
  t.equal((lunette.last_error()), "memory")
  t.equal(hold[1], 1.0)
end)

t.case("every failing allocation is an error and loses nothing", function()
  local w = lunette.randn({4, 4}, {requires_grad = true})
  local function work()
    return lunette.scope(function()
      local h = ((w * 2 + w):reshape(2, 8)):sum(1)
      h[{{1, 2}}]:sum():backward()
      w.grad = nil
      return h:sum():item()
    end)
  end
  local want, failures = work(), 0
  for n = 0, 400 do
    collectgarbage()
    local before = lunette.memory()
    lunette.debug.fail_allocation(n)
    local ok, got = pcall(work)
    lunette.debug.fail_allocation(-1)
    w.grad = nil
    collectgarbage()
    local after = lunette.memory()
    t.equal(after.live_bytes, before.live_bytes, "bytes after failure " .. n)
    t.equal(after.core_blocks, before.core_blocks, "blocks after failure " .. n)
    if ok then
      t.equal(got, want)
      break
    end
    t.match(tostring(got), "memory")
    failures = failures + 1
  end
  t.ok(failures > 20 and failures < 400, failures .. " places failed, then none")
  t.equal(work(), want)
end)

t.finish()
