-- data_loader.lua: order, views and resuming do not depend on threads; errors and endings are clean; memory is flat.
local lunette = require "lunette"
local t = require "tap"

local set = lunette.data.shapes { n = 100, size = 16 }

local function loader(o)
  local all = { dataset = set, batch = 16, augment = lunette.augment "symmetric", seed = 7 }
  for k, v in pairs(o or {}) do all[k] = v end
  return lunette.data.loader(all)
end

-- Everything an epoch yields, as one string.
local function fingerprint(l, epoch, first)
  local parts = {}
  for batch in l:epoch(epoch, first) do
    parts[#parts + 1] = table.concat(batch.ids:totable(), ",") .. table.concat(batch.labels:totable(), ",") .. batch.index
    for _, view in ipairs(batch.views) do
      for _, x in ipairs(view:reshape(-1):totable()) do parts[#parts + 1] = ("%a"):format(x) end
    end
  end
  return table.concat(parts, " ")
end

t.case("batches", function()
  local l <close> = loader()
  t.equal({ l.batches, l.n, l.batch }, { 6, 100, 16 })
  local count, seen = 0, {}
  local labels = set.labels:totable()
  for batch in l:epoch(1) do
    count = count + 1
    t.equal(batch.index, count)
    t.equal(#batch.views, 2)
    t.equal(batch.views[1]:shape(), { 16, 3, 16, 16 })
    for k, id in ipairs(batch.ids:totable()) do
      t.ok(not seen[id], "position " .. id .. " comes once")
      seen[id] = true
      t.equal(batch.labels[k], labels[id])
    end
  end
  t.equal(count, 6)
end)

t.case("1 and 4 threads, and any prefetch, give the same bytes", function()
  local expected
  for _, how in ipairs { { 1, 2 }, { 4, 2 }, { 4, 0 }, { 2, 9 } } do
    local l <close> = loader { threads = how[1], prefetch = how[2] }
    local got = fingerprint(l, 3)
    expected = expected or got
    t.ok(got == expected, ("threads %d, prefetch %d"):format(how[1], how[2]))
  end
end)

t.case("epochs, seeds and views differ; the same epoch is the same", function()
  local l <close> = loader()
  local one = fingerprint(l, 1)
  t.ok(one == fingerprint(l, 1), "again")
  t.ok(one ~= fingerprint(l, 2), "another epoch")
  local other <close> = loader { seed = 8 }
  t.ok(one ~= fingerprint(other, 1), "another seed")
  local batch = l:epoch(1)()
  t.ok((batch.views[1] - batch.views[2]):abs():mean():item() > 0.01, "two views differ")
end)

t.case("going on at a batch gives what the whole epoch would", function()
  local l <close> = loader()
  local whole = fingerprint(l, 5)
  for batch in l:epoch(5) do -- stopped in the middle
    if batch.index == 3 then break end
  end
  local rest = fingerprint(l, 5, 4)
  t.ok(#rest > 0 and whole:sub(-#rest) == rest)
  t.equal(fingerprint(l, 5, 7), "")
end)

t.case("the last batch, order without shuffle, views without augment", function()
  local l <close> = loader { drop_last = false, shuffle = false }
  t.equal(l.batches, 7)
  local first, last
  for batch in l:epoch(1) do first, last = first or batch.ids:totable(), batch.ids:totable() end
  t.equal({ first[1], first[16], #last, last[4] }, { 1, 16, 4, 100 })
  local plain <close> = lunette.data.loader { dataset = set, batch = 100, shuffle = false }
  for batch in plain:epoch(1) do
    t.equal(#batch.views, 1)
    local d = (batch.views[1] - lunette.ops.normalize_images(set.images)):abs():max(1):max(1):max(1):max(1):item()
    t.ok(d < 1e-6, "the images themselves: " .. d)
  end
end)

t.case("tensors of a batch are freed by the next, unless kept", function()
  local l <close> = loader()
  local gone, kept
  for batch in l:epoch(1) do
    if batch.index == 1 then gone = batch end
    if batch.index == 2 then kept = batch:keep() end
  end
  t.raises(function() return gone.views[1]:shape() end)
  t.equal(kept.views[2]:shape()[1], 16)
end)

t.case("mistakes", function()
  t.raises(function() loader { augment = lunette.augment "multicrop", views = 2 } end,
    "loader: augment makes 8 views, of which views = 2 drops 6; leave views out")
  t.raises(function() loader { batch = 101 } end, "a batch of 101 is larger than the data set of 100 images")
  t.raises(function() loader { batch = 0 } end, "batch must be a whole number of at least 1, got 0")
  t.raises(function() loader { treads = 2 } end, "did you mean 'threads'")
  t.raises(function() loader { threads = 0 } end, "threads must be a whole number of at least 1")
  t.raises(function() loader { threads = 65 } end, "threads must lie in 1..64, got 65")
  t.raises(function() loader { dataset = {} } end, "dataset must be a data set")
  local l = loader()
  t.raises(function() l:epoch(-1) end, "epoch must be a whole number from 0")
  t.raises(function() l:epoch(1, 8) end, "the first batch must lie in 1..7")
  local old = l:epoch(1)
  old()
  l:epoch(2)
  t.raises(old, "this epoch ended when another began")
  l:close()
  l:close()
  t.raises(function() l:epoch(1) end, "it was closed")
end)

t.case("what a worker cannot make is raised where the batch is asked for", function()
  local broken = { images = set.images, labels = set.labels }
  local l <close> = loader { dataset = broken, size = 5000 }
  t.raises(function() l:epoch(1)() end, "augment: size must lie in 1..4096, got 5000")
  for _, size in ipairs { 8 } do -- the loader is still usable
    l.size = size
    for batch in l:epoch(1) do t.equal(batch.views[1]:shape()[3], 8) end
  end
end)

t.case("memory is flat, and nothing is left behind", function()
  collectgarbage()
  collectgarbage()
  local before = lunette.memory().live_bytes
  do
    local l <close> = loader { threads = 3, prefetch = 4 }
    local peak
    for epoch = 1, 40 do
      for _ in l:epoch(epoch) do -- luacheck: ignore
        local now = lunette.memory().live_bytes
        if epoch == 2 then peak = math.max(peak or 0, now) end
        if epoch > 2 then t.ok(now <= peak * 1.05, ("epoch %d: %d bytes, %d before"):format(epoch, now, peak)) end
      end
    end
  end
  collectgarbage()
  collectgarbage()
  t.equal(lunette.memory().live_bytes, before)
end)

t.case("a loader that is forgotten in the middle ends its threads", function()
  for _ = 1, 30 do
    local l = loader { threads = 4, prefetch = 8 }
    l:epoch(1)()
  end
  collectgarbage()
  collectgarbage()
end)

t.finish()
