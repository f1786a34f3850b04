#!/bin/sh
# Tests that cannot fail prove nothing: a failing Lua test, a crash and an unknown suite must end in a failing exit code.
cd "$(dirname "$0")/../.." || exit 1
build=${LUNETTE_BUILD:-build}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

must_fail() { # NAME COMMAND...
  name=$1
  shift
  if LUA_PATH="./tests/lua/?.lua;;" "$@" >"$dir/out" 2>&1; then
    echo "not ok - $name"
    bad=1
  else
    echo "ok - $name"
  fi
}

printf 'local t = require "tap"\nt.case("planted", function() t.equal(1, 2) end)\nt.finish()\n' >"$dir/equal.lua"
printf 'error("planted")\n' >"$dir/raise.lua"
must_fail "a Lua case that fails" "$build/lunette" "$dir/equal.lua"
must_fail "a Lua test that raises" "$build/lunette" "$dir/raise.lua"
must_fail "a C suite that does not exist" "$build/tests/lunette_tests" no_such_suite
mkdir -p "$dir/runtime/core" "$dir/bindings"
printf '#include <lua.h>\n' >"$dir/runtime/core/x.c"
must_fail "lua.h in the core" sh tests/c/includes.sh "$dir"
printf '#include "core/core.h"\n' >"$dir/bindings/x.c"
rm "$dir/runtime/core/x.c"
must_fail "the core's inside in a binding" sh tests/c/includes.sh "$dir"
exit $bad
