#!/bin/sh
# Strangers' recipes from outside: every known attack is refused in time, the process that evaluates them can do nothing
# else, and paths and texts of a recipe stay where they belong. usage: jail.sh PROGRAM
here=$(cd "$(dirname "$0")" && pwd)
. "$(dirname "$0")/../checks.sh"
# shellcheck disable=SC2046 # a list of options
"${CC:-cc}" -O1 -Wall -Wextra -I"$here/../../bindings" $(pkg-config --cflags lua5.4) -o "$folder/support" \
  "$here/jail_support.c" "$here/../../bindings/jail_confine.c" || exit 1
cd "$folder" || exit 1
exec </dev/null
within="timeout -k 5 60" # nothing here may take long, however busy the machine is
attack() { # attack NAME PATTERN TEXT: the recipe is refused with one line
  printf '%s\n' "$3" >attack.lua
  expect "attack: $1" 2 "" "attack.lua:*$2*" "$program" check attack.lua
}

# ---- what can be reached, what can be done ----

"$folder/support" calls >calls
result "system calls of a jailed process" "$([ $? = 0 ] && [ "$(grep -c '^ok' calls)" -gt 20 ] && echo yes || echo no)" calls

attack "an endless loop" "gave up after 2000000 instructions" 'while true do end'
attack "a loop in a coroutine" "'coroutine' is not defined" 'coroutine.wrap(function() while true do end end)()'
attack "pcall around a loop" "'pcall' is not defined" 'while true do pcall(function() while true do end end) end'
attack "xpcall with a handler that loops" "'xpcall' is not defined" 'xpcall(error, function() while true do end end)'
attack "a finalizer that loops" "'setmetatable' is not defined" 'setmetatable({}, { __gc = function() while true do end end })'
attack "a pattern that backtracks" "attempt to call a nil value" 'return ("a"):rep(30):find(("a?"):rep(30) .. ("a"):rep(30))'
attack "table.move over everything" "attempt to call a nil value" 'table.move({}, 1, 1 << 50, 2)'
attack "table.insert into a huge length" "'setmetatable' is not defined" \
  'table.insert(setmetatable({}, { __len = function() return 1 << 50 end }), 1, 1)'
attack "a string of nothing, often" "longer than 65536 bytes" 'return { x = string.rep("", 1 << 50) }'
attack "a quadratic search" "attempt to call a nil value" 'return { x = ("a"):rep(60000):find(("a"):rep(30000) .. "b", 1, true) }'
attack "a long string" "longer than 65536 bytes" 'return { x = string.rep("x", 1 << 30) }'
attack "a table bomb" "gave up after 2000000 instructions" 'local x = {} while true do x = { x, x, x, x } end'
attack "a list bomb" "needs more than 64 MB of memory" 'local x, y = {}, ("y"):rep(1000) for i = 1, 1e9 do x[i] = y:rep(60) end return x'
attack "a string bomb" "needs more than 64 MB of memory" 'local x = "x" while true do x = x .. x end'
attack "a nested table bomb" "more than 10000 keys" \
  'local a = {} for i = 1, 9 do a = { a, a, a, a, a, a, a, a } end return { a = a }'
attack "the strings of everybody" "'getmetatable' is not defined" 'getmetatable("").__index = function() end'
attack "work that no count sees" "was stopped" 'local x = ("x"):rep(60000) while true do x = x:upper() end'
printf '\033Lua' >attack.lua
expect "attack: bytecode" 2 "" "attack.lua: is compiled Lua; a recipe is text" "$program" check attack.lua
for name in os io debug require load dofile print collectgarbage; do
  attack "$name" "'$name' is not defined" "return { x = $name }"
done
expect "the argument that starts the jailed process is of no use to others" 2 "" "*--jail is how the program starts itself*" \
  "$program" --jail

# ---- what the process did, seen from the system ----

cat >good.lua <<'RECIPE'
return {
  format = 1, name = "good", seed = 1, about = ("%99.99f %g"):format(1e308 * 1.5, 2 ^ 0.5),
  data = { shapes = { kind = "shapes", n_train = 48, n_test = 24, size = 16 } },
  model = { backbone = "conv4", width = 8, projector = { 8, 8 } },
  stages = {
    { name = "pretrain", task = "simclr", data = "shapes:train", epochs = 1, batch = 16, augment = "symmetric", monitor = false,
      optim = { kind = "sgd", lr = 0.06 } },
  },
}
RECIPE
expect "a good recipe" 0 "*recipe 'good' is valid*" "" "$program" check good.lua
"$program" check good.lua >out 2>err <&-
result "... also where standard input is closed" "$([ $? = 0 ] && grep -q 'is valid' out && echo yes || echo no)" out err
"$program" run --progress none --out closed good.lua <&- >&- 2>&-
result "... or everything" "$([ $? = 0 ] && grep -q '"finished"' closed/status.json && echo yes || echo no)" closed/log.txt
if ! command -v strace >/dev/null 2>&1; then
  echo "ok - no call after the jail is closed # SKIP strace is not installed"
elif ! strace -o probe true 2>/dev/null; then
  echo "ok - no call after the jail is closed # SKIP strace may not trace here"
else
  # The leak search of a sanitized build cannot run under strace.
  ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" timeout 120 strace -f -o trace "$program" check good.lua >out 2>err
  pid=$(awk '/PR_SET_SECCOMP|seccomp\(/ {print $1; exit}' trace)
  awk -v pid="${pid:-none}" '$1 == pid && closed {print} $1 == pid && /PR_SET_SECCOMP|seccomp\(/ {closed = 1}' trace >after
  awk -v pid="${pid:-none}" '$1 == pid && !/execve/ {print}' trace >child
  # AddressSanitizer asks where the signal stack is at every longjmp.
  grep -q __asan_init "$program" && sed -i '/ sigaltstack(NULL,\|<\.\.\. sigaltstack resumed>/d' after
  result "strace: after it is closed, the jailed process writes and exits, and nothing else" \
    "$([ "$(grep -c 'write(1' after)" -ge 2 ] && [ "$(grep -c 'exit_group(0' after)" = 1 ] \
      && ! grep -qvE ' (write\(1,|exit_group\(0|<\.\.\. (write|exit_group) resumed>|\+\+\+ exited with 0)' after && echo yes || echo no)" after err
  result "strace: it opens nothing in the folder, and no file for writing" \
    "$(! grep -E 'open' child | grep -qE 'O_WRONLY|O_RDWR|O_CREAT|good\.lua' && echo yes || echo no)" child
fi

"$folder/support" without-seccomp "$program" check good.lua >out 2>err
result "without seccomp a recipe is refused" \
  "$([ $? = 2 ] && grep -q 'seccomp: Operation not permitted.*add --trust' err && [ "$(grep -c . err)" = 1 ] && echo yes || echo no)" out err
for command in check "run --out refused"; do
  # shellcheck disable=SC2086 # words
  expect "... by $command too" 2 "" "*add --trust*" "$folder/support" without-seccomp "$program" $command good.lua
done
result "... and no run directory was made" "$([ -e refused ] && echo no || echo yes)"
expect "... but not with --trust" 0 "*is valid*" "" "$folder/support" without-seccomp "$program" check --trust good.lua
expect "... which diff knows as well" 0 "*equal*" "" "$folder/support" without-seccomp "$program" diff --trust good.lua good.lua
attack_trusted() {
  printf '%s\n' "$2" >attack.lua
  expect "trusted, still bounded: $1" 2 "" "attack.lua:*$3*" "$folder/support" without-seccomp "$program" check --trust attack.lua
}
attack_trusted "a loop" 'while true do end' "gave up after"
attack_trusted "work that no count sees" 'local x = ("x"):rep(60000) while true do x = x:upper() end' "was stopped"
attack_trusted "memory" 'local x = "x" while true do x = x .. x end' "64 MB of memory"
attack_trusted "names" 'return os' "'os' is not defined"

# ---- interrupts ----

echo 'local x = ("x"):rep(60000) while true do x = x:upper() end' >long.lua
jailed_child() { # of process $1, once it is closed in: its id in $child
  tries=0 child=
  while [ -z "$child" ] && [ $tries -lt 2000 ]; do
    for status in /proc/[0-9]*/status; do
      if grep -qs "^PPid:[[:space:]]*$1\$" "$status" && grep -qs '^Seccomp:[[:space:]]*2' "$status"; then
        child=${status#/proc/} child=${child%/status}
      fi
    done
    tries=$((tries + 1))
  done
}
gone() { # within a few seconds
  tries=0
  while [ -d "/proc/$1" ] && ! grep -qs '^State:[[:space:]]*Z' "/proc/$1/status" && [ $tries -lt 50 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
  [ -d "/proc/$1" ] && ! grep -qs '^State:[[:space:]]*Z' "/proc/$1/status" && return 1
  return 0
}
patient='require("lunette.recipe.sandbox").limits.milliseconds = 50000
  local ok, list = lunette.recipe.check("long.lua") print(ok, list)'
"$program" -e "$patient" >out 2>err </dev/null &
run=$!
jailed_child $run
kill -INT $run
wait $run
got=$?
result "Ctrl-C during an evaluation: exit code 130, got $got" "$([ -n "$child" ] && [ $got = 130 ] && echo yes || echo no)" out err
result "... and the jailed process is gone" "$(gone "${child:-0}" && echo yes || echo no)"
LUA_INIT='require("lunette.recipe.sandbox").limits.milliseconds = 50000' "$program" check long.lua >out 2>err </dev/null &
run=$!
jailed_child $run
kill -TERM $run
wait $run
got=$?
result "SIGTERM during a check: exit code 143, got $got" "$([ -n "$child" ] && [ $got = 143 ] && gone "$child" && echo yes || echo no)" out err
"$program" -e "$patient" >out 2>err </dev/null &
run=$!
jailed_child $run
kill -KILL $run
wait $run 2>/dev/null
result "a program that is killed takes the jailed process along" "$([ -n "$child" ] && gone "${child:-0}" && echo yes || echo no)" out err

# ---- paths and texts of a recipe ----

mkdir -p root/cifar outside root/pictures
head -c 6146 /dev/zero >outside/secret.bin
ln -s ../../outside/secret.bin root/cifar/train.bin
head -c 6146 /dev/zero >root/cifar/test.bin
ln -s ../outside root/linked
cifar() { # cifar PATH TRAIN-FILE >FILE
  sed -e "s|shapes = {.*|c = { kind = \"cifar10\", path = \"$1\", files = { train = { \"$2\" }, test = { \"test.bin\" } } } },|" \
    -e 's/shapes:/c:/; s/batch = 16/batch = 2/' good.lua
}
refused() { # refused NAME CODE PATTERN PATH TRAIN-FILE
  cifar "$4" "$5" >path.lua
  rm -rf made
  expect "$1" "$2" "" "*$3*" "$program" run --data-root root --out made path.lua
  result "... and nothing was made" "$([ -e made ] && echo no || echo yes)"
}
refused "a data path through '..'" 2 "leaves its folder through '..'" ../outside secret.bin
refused "a file through '..'" 2 "leaves its folder through '..'" cifar ../../outside/secret.bin
refused "an absolute path" 2 "is absolute" /etc passwd
refused "a path from the home folder" 2 "is absolute" '~' .bashrc
refused "a URL" 2 "is a URL" http://example.org x
refused "a path with a newline" 2 "has a control character" 'a\\nb' x
refused "a file that is a link out of the data root" 3 "is a link out of the data root" cifar train.bin
refused "a folder that is a link out of the data root" 3 "is a link out of the data root" linked secret.bin
for class in a b; do
  mkdir -p root/pictures/train/$class
  "$program" -e "for i = 1, 4 do lunette.image.write('root/pictures/train/$class/' .. i .. '.png', lunette.rand(3, 16, 16)) end"
done
sed -e 's|shapes = {.*|p = { kind = "folder", path = "pictures", size = 16 } },|' -e 's/shapes:/p:/; s/batch = 16/batch = 2/' good.lua >pictures.lua
expect "a folder of pictures" 0 "*" "" "$program" run --progress none --data-root root --out folder_run pictures.lua
cp root/pictures/train/a/1.png outside/9.png
ln -s ../../../../outside/9.png root/pictures/train/a/9.png
expect "a picture that is a link out of the data root" 3 "" "*a/9.png' is a link out of the data root*" \
  "$program" run --data-root root --out made pictures.lua
rm root/pictures/train/a/9.png
ln -s ../../../outside root/pictures/train/c
expect "a class that is a link out of the data root" 3 "" "*is a link out of the data root*" \
  "$program" run --data-root root --out made pictures.lua

sed 's/name = "good"/name = "..\/..\/x"/' good.lua >name.lua
expect "a name with a path in it" 2 "" "*'name' must be small letters*" "$program" run name.lua
sed 's/name = "pretrain"/name = "..\/x"/' good.lua >name.lua
expect "a stage's name with a path in it" 2 "" "*must be small letters*" "$program" run name.lua
printf 'return { extends = "outside_base.lua" }' >extends.lua
ln -s /etc/hostname outside_base.lua
expect "a base that is a link out of the folder" 2 "" "*is a link out of the recipe's folder*" "$program" check extends.lua

expect "a run" 0 "*" "" "$program" run --progress none --out own good.lua
echo keep >victim.txt
for place in metrics.jsonl log.txt lock checkpoints/pretrain/e0009 figures/data; do
  rm -rf stranger && cp -r own stranger && rm -rf "stranger/$place"
  sed -i 's/"finished"/"interrupted"/' stranger/status.json
  case $place in checkpoints* | figures*) mkdir -p target && echo keep >target/x && link=$folder/target ;; *) link=$folder/victim.txt ;; esac
  ln -s "$link" "stranger/$place"
  for command in resume report verify; do
    expect "$command of a run directory whose $place is a link out of it" 2 "" "*$place' is a link out of the run directory*" \
      "$program" $command stranger
  done
  result "... and what it leads to is as it was" "$([ "$(cat victim.txt)" = keep ] && [ "$(cat target/x 2>/dev/null || echo keep)" = keep ] \
    && echo yes || echo no)"
done

expect "a sweep is refused without seccomp" 2 "" "*add --trust*" \
  "$folder/support" without-seccomp "$program" sweep --seeds 1,2 --out swept good.lua
expect "... and runs with --trust" 0 "*" "*" \
  "$folder/support" without-seccomp "$program" sweep --trust --progress none --seeds 1,2 --out swept good.lua
ln -s "$folder/victim.txt" swept/results.csv.txt
for command in resume report; do
  expect "$command of a sweep with a link out of it" 2 "" "*results.csv.txt' is a link out of the run directory*" "$program" $command swept
done

# shellcheck disable=SC2016 # Lua, not the shell
sed -e 's|about = .*|about = "first\\n\\tsecond <script>alert(1)</script>",|' -e 's|^}$|  report = { title = "<script>alert(1)</script> \&amp; \\"x\\"" } }|' \
  good.lua >texts.lua
expect "check shows a text of many lines indented" 0 "*valid*
  first
  *second*" "" "$program" check texts.lua
result "... and no control character" "$(LC_ALL=C grep -q "$(printf '[\001-\011\013-\037\177]')" out && echo no || echo yes)" out
expect "a run with markup in its title" 0 "*" "" "$program" run --progress none --out texts texts.lua
result "... has it as text in its report" "$(grep -q '&lt;script&gt;alert(1)&lt;/script&gt; &amp;amp;' texts/report.html \
  && ! grep -qi '<script' texts/report.html && echo yes || echo no)"
for text in '\\27[31m' '\\u{9b}31m' '\\u{202e}x' '\\7' '\\r'; do
  sed "s|about = .*|about = \"$text\",|" good.lua >control.lua
  expect "a text with the control character $text" 2 "" "*'about' is a string with a *" "$program" check control.lua
  result "... which does not reach the terminal" "$(LC_ALL=C grep -q "$(printf '[\001-\011\013-\037\177\233]')" err && echo no || echo yes)" err
done
printf 'return { ["a\033[31m"] = 1, x\033]0;title\007 = 2 }\n' >control.lua
expect "a mistake next to control characters" 2 "" "control.lua:1: *" "$program" check control.lua
result "... does not send them to the terminal" "$(LC_ALL=C grep -q "$(printf '[\001-\011\013-\037\177]')" err && echo no || echo yes)" err

# ---- sizes ----

too_large() { # too_large NAME PATTERN SED
  sed "$3" good.lua >large.lua
  expect "$1" 2 "" "*$2*" "$program" check large.lua
}
too_large "a batch without end" "batch' must be at most 65536" 's/batch = 16/batch = 1000000/'
too_large "epochs without end" "epochs' must be at most 100000" 's/epochs = 1,/epochs = 1000000000,/'
too_large "images without end" "n_train' must be at most 10000000" 's/n_train = 48/n_train = 1 << 40/'
too_large "images that no memory holds" "at most 69 are possible" 's/n_train = 48, n_test = 24, size = 16/n_train = 9000000, size = 512/'
too_large "disk without end" "disk_gb' must be at most 1000" 's/^  format = 1,/  format = 1, needs = { disk_gb = 1e6 },/'
sed 's/^  format = 1,/  format = 1, needs = { disk_gb = 0.0001 },/; s/epochs = 1,/epochs = 9, save = { keep = 9 },/' good.lua >disk.lua
expect "check says how much a run may write" 0 "*writes  runs/*(at most 0.0001 GB)*" "" "$program" check disk.lua
expect "a run that would fill the disk ends at its first checkpoint" 1 "*" "*the run would take * GB of disk, and needs.disk_gb allows 0.0001*" \
  "$program" run --progress none --out disk disk.lua

finish
