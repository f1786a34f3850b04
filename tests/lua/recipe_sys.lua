local t = require "tap"
local sys = require "lunette.sys"

local function temporaries(folder)
  local found = {}
  for _, name in ipairs(sys.list(folder)) do
    if name:find("%.tmp%-") then found[#found + 1] = name end
  end
  return found
end

t.case("mkdir_p makes all folders and is content with those that are there", function()
  local root = t.folder()
  t.equal(sys.mkdir_p(root .. "/a/b/c"), true)
  t.equal(sys.mkdir_p(root .. "/a/b/c/"), true)
  t.equal(sys.stat(root .. "/a/b/c").kind, "directory")
  t.write(root .. "/file", "x")
  local ok, message, code = sys.mkdir_p(root .. "/file/d")
  t.equal({ ok, code }, { nil, "ENOTDIR" })
  t.contains(message, root .. "/file")
end)

t.case("stat tells kind and size, and a link from what it points to", function()
  local root = t.folder()
  t.write(root .. "/f", "12345")
  os.execute(("ln -s f '%s/l'"):format(root))
  t.equal(sys.stat(root .. "/f").kind, "file")
  t.equal(sys.stat(root .. "/f").size, 5)
  t.equal(sys.stat(root .. "/l").kind, "file")
  t.equal(sys.stat(root .. "/l", "nofollow").kind, "link")
  t.ok(math.abs(sys.stat(root .. "/f").mtime - sys.time()) < 3600, "mtime")
  local info, message, code = sys.stat(root .. "/none")
  t.equal({ info, code }, { nil, "ENOENT" })
  t.contains(message, "none")
  t.raises(function() sys.stat("a\0b") end, "NUL")
  t.raises(function() sys.stat("") end, "empty")
end)

t.case("list names everything but . and ..", function()
  local root = t.folder()
  t.equal(sys.list(root), {})
  t.write(root .. "/b", "")
  t.write(root .. "/.a", "")
  local names = sys.list(root)
  table.sort(names)
  t.equal(names, { ".a", "b" })
  t.equal(select(3, sys.list(root .. "/none")), "ENOENT")
end)

t.case("write_atomic replaces the whole file and leaves nothing else", function()
  local root = t.folder()
  local path = root .. "/f"
  t.equal(sys.write_atomic(path, ("x"):rep(100000)), true)
  t.equal(sys.write_atomic(path, "new\0bytes"), true)
  t.equal(t.read(path), "new\0bytes")
  t.equal(sys.list(root), { "f" })
  t.equal(select(3, sys.write_atomic(root .. "/none/f", "x")), "ENOENT")
  t.raises(function() sys.write_atomic(root .. "/", "x") end, "folder")
end)

-- Runs `body` in another interpreter, below `prefix`: limits of this process cannot be taken back.
local function child(prefix, body)
  local root = t.folder()
  local setup = ("package.path, package.cpath = %q, %q\n"):format(package.path, package.cpath)
  t.write(root .. "/child.lua", setup .. body)
  local interpreter = arg[-1] or "lua5.4"
  local pipe = io.popen(("%s '%s' '%s/child.lua' 2>&1"):format(prefix, interpreter, root))
  local output = pipe:read("a")
  pipe:close()
  return output
end

local FILL = [[
local sys = require "lunette.sys"
local ok, message, code = sys.write_atomic(%q, ("y"):rep(4 << 20))
print(ok, code, message)
]]

t.case("a write past the limit leaves the old file and no temporary", function()
  local root = t.folder()
  t.write(root .. "/f", "old")
  local output = child("trap '' XFSZ; ulimit -f 100;", FILL:format(root .. "/f"))
  t.contains(output, "nil\tEFBIG\tcannot write '" .. root .. "/f': File too large")
  t.equal(t.read(root .. "/f"), "old")
  t.equal(temporaries(root), {})
end)

t.case("a full disk leaves the old file and no temporary", function()
  local root = t.folder()
  if not os.execute(("mount -t tmpfs -o size=256k tmpfs '%s' 2>/dev/null"):format(root)) then
    print("# mounting is not permitted here: the limit above and /dev/full below stand for it")
    return
  end
  t.write(root .. "/f", "old")
  local ok, message, code = sys.write_atomic(root .. "/f", ("y"):rep(1 << 20))
  local handle = sys.append(root .. "/grows")
  handle:write("first\n")
  local wrote, _, append_code = handle:write(("z"):rep(1 << 20) .. "\n")
  handle:close()
  local kept, tail, left = t.read(root .. "/f"), t.read(root .. "/grows"), temporaries(root)
  os.execute(("umount '%s'"):format(root))
  t.equal({ ok, code }, { nil, "ENOSPC" })
  t.contains(message, "No space left on device")
  t.equal(kept, "old")
  t.equal(left, {})
  t.equal({ wrote, append_code }, { nil, "ENOSPC" })
  t.equal(tail, "first\n", "the half-written line is taken back")
end)

t.case("append: handle with size, sync and truncate", function()
  local root = t.folder()
  local path = root .. "/log"
  local handle = sys.append(path)
  t.equal(handle:write("one\n"), true)
  t.equal(t.read(path), "one\n", "written without closing")
  handle:write("two\n")
  t.equal(handle:sync(), true)
  t.equal(handle:size(), 8)
  t.raises(function() handle:truncate(9) end, "larger than the file")
  t.equal(handle:truncate(4), true)
  handle:write("three\n")
  t.equal(handle:close(), true)
  t.equal(t.read(path), "one\nthree\n")
  t.raises(function() handle:write("x") end, "closed")
  t.equal(select(3, sys.append("/dev/full"):write("x")), "ENOSPC")
  t.equal(select(3, sys.append(root .. "/none/x")), "ENOENT")
end)

t.case("lock: one holder at a time", function()
  local path = t.folder() .. "/lock"
  local first = sys.lock(path)
  local second, _, code = sys.lock(path)
  t.equal({ second, code }, { nil, "EAGAIN" })
  first:close()
  t.ok(sys.lock(path))
end)

t.case("SHA-256 of strings and files", function()
  t.equal(sys.sha256 "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  t.equal(sys.sha256 "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  local path = t.write(t.folder() .. "/f", ("a"):rep(1000000))
  t.equal(sys.sha256_file(path), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  t.equal(select(3, sys.sha256_file(path .. "x")), "ENOENT")
  t.equal(select(3, sys.sha256_file("/")), "EISDIR")
end)

t.case("clocks, terminal, process, paths", function()
  local a, b = sys.monotonic(), sys.monotonic()
  t.ok(b >= a)
  t.ok(math.abs(sys.time() - os.time()) < 5)
  t.ok(math.type(sys.pid()) == "integer" and sys.pid() > 0)
  local file = io.open("/dev/null")
  t.equal(sys.isatty(file), false)
  t.equal(sys.terminal_width(file), nil)
  file:close()
  t.raises(function() sys.isatty(file) end, "closed")
  t.raises(function() sys.isatty(-1) end, "descriptor")
  local root = t.folder()
  t.equal(sys.realpath(root .. "/../" .. root:match("[^/]+$")), sys.realpath(root))
  t.equal(select(3, sys.realpath(root .. "/none")), "ENOENT")
  t.equal(sys.fsync(root), true)
end)

t.finish()
