#!/bin/sh
# The command line as people expect it of a Lua interpreter: exit codes, standard input, -e, -l, arguments, errors,
# signals. usage: cli.sh PROGRAM
. "$(dirname "$0")/../checks.sh"

input() { # input TEXT COMMAND...: with TEXT as standard input
  text=$1
  shift
  printf '%s' "$text" | "$@"
}

echo 'print(arg[0] == ... or #arg, arg[1], select("#", ...), lunette.ones(2):sum():item())' >"$folder/script.lua"
echo 'error("wrong")' >"$folder/wrong.lua"
echo 'return {answer = 42}' >"$folder/mod.lua"
echo 'x = = 1' >"$folder/syntax.lua"
printf '#!/usr/bin/env lunette\nprint("shebang")\n' >"$folder/shebang"
tab=$(printf '\t')

expect "a script with arguments" 0 "2${tab}a${tab}2${tab}2.0" "" "$program" "$folder/script.lua" a b
expect "a script with a first line for the system" 0 "shebang" "" "$program" "$folder/shebang"
expect "-e" 0 "3" "" "$program" -e 'print(1 + 2)'
expect "-e twice, glued and apart" 0 "1 2" "" "$program" -e'io.write(1, " ")' -e 'print(2)'
expect "-l binds a global" 0 "42" "" env LUA_PATH="$folder/?.lua" "$program" -l mod -e 'print(mod.answer)'
expect "-l name=mod" 0 "42" "" env LUA_PATH="$folder/?.lua" "$program" -l m=mod -e 'print(m.answer)'
expect "-E ignores LUA_INIT" 0 "done" "" env LUA_INIT='print("init")' "$program" -E -e 'print("done")'
expect "LUA_INIT runs first" 0 "init*done" "" env LUA_INIT='print("init")' "$program" -e 'print("done")'
expect "the version" 0 "Lunette [0-9]*" "" "$program" --version
expect "-v" 0 "Lunette [0-9]*Lua 5.4*" "" "$program" -v
expect "--help" 0 "usage: lunette *options:*" "" "$program" --help
expect "-h" 0 "usage: lunette *" "" "$program" -h
echo 'lunette.ssl.bylo{}' >"$folder/misspelt.lua"
echo 'local stats = {} local o = lunette.optim; stats.std.x = 1' >"$folder/own.lua"
expect "a misspelt field of a module" 1 "" "lunette: *nil value (field 'bylo') (did you mean 'lunette.ssl.byol'?)*traceback*" \
  "$program" "$folder/misspelt.lua"
expect "a field of the user's own: no hint" 1 "" "lunette: *nil value (field 'std')
stack*" "$program" "$folder/own.lua"
expect "a global that is a field of lunette" 1 "" "lunette: *(did you mean 'lunette.ones'?)*" "$program" -e 'ones(2)'
expect "a field like no other" 1 "" "lunette: *nil value (field 'xyzzy')
*" "$program" -e 'lunette.ssl.xyzzy{}'
expect "standard input is a script: no prompt, no banner" 0 "5" "" input 'print(2 + 3)' "$program"
expect "standard input as -, with arguments" 0 "a" "" input 'print(...)' "$program" - a
expect "an error in standard input" 1 "" "lunette: stdin:1: x*" input 'error("x")' "$program"
expect "an error: traceback, code 1" 1 "" "lunette: *wrong.lua:1: wrong*stack traceback*" "$program" "$folder/wrong.lua"
expect "a syntax error" 1 "" "lunette: *syntax.lua:1: unexpected symbol near '='" "$program" "$folder/syntax.lua"
expect "an error in -e ends the run" 1 "" "lunette: (command line):1: no*" "$program" -e 'error("no")' -e 'print("never")'
expect "an error object" 1 "" "lunette: (error object is a table value)*" "$program" -e 'error({})'
expect "an error object with __tostring" 1 "" "lunette: readable" "$program" -e 'error(setmetatable({}, {__tostring = function() return "readable" end}))'
expect "os.exit" 3 "" "" "$program" -e 'os.exit(3)'
expect "os.exit(false)" 1 "" "" "$program" -e 'os.exit(false)'
expect "a missing script" 2 "" "lunette: cannot open 'nosuch.lua'*" "$program" nosuch.lua
expect "a mistyped subcommand" 2 "" "*did you mean 'run'*" "$program" rnu
expect "an unknown option" 2 "" "lunette: unrecognized option '-z'*usage:*" "$program" -z
expect "-e without code" 2 "" "lunette: '-e' needs an argument*" "$program" -e
expect "help" 0 "*lunette.ops:*" "" "$program" help
expect "help on an op" 0 "lunette.ops.reshape*x:tensor shape:ints -> y*" "" "$program" help reshape
expect "help on nothing known" 2 "" "lunette: no help on 'reshpe' (did you mean 'reshape'?)*" "$program" help reshpe
expect "doctor" 0 "program*cpu*threads*memory*cuda*" "" "$program" doctor
line=$(env -u OPENBLAS_CORETYPE "$program" doctor | grep '^OpenBLAS')
expect "a core type set for other programs changes nothing" 0 "$line" "" sh -c "OPENBLAS_CORETYPE=Prescott '$program' doctor | grep '^OpenBLAS'"
expect "diff of a recipe with itself" 0 "A: *B: *equal: the resolved configurations" "" \
  "$program" diff examples/quickstart.lua examples/quickstart.lua
expect "diff of two recipes" 1 '*name: "quickstart" -> "cifar10*' "" "$program" diff examples/quickstart.lua examples/cifar10_simclr.lua
expect "pictures that are not there are missing data" 3 "" "lunette: folder: no such folder '/nosuch'*" "$program" -e 'lunette.data.folder{root = "/nosuch"}'
expect "such an error is a text to a script" 0 "folder: no such folder '/nosuch'" "" \
  "$program" -e 'print(select(2, pcall(lunette.data.folder, {root = "/nosuch"})))'
expect "a recipe that is not there" 2 "" "*nosuch.lua*" "$program" check nosuch.lua
expect "the library is embedded" 0 "table" "" env -C "$folder" LUA_PATH=';' "$program" -e 'print(type(require "lunette.nn"))'
mkdir -p "$folder/over/lunette"
echo 'return "mine"' >"$folder/over/lunette/show.lua"
expect "LUNETTE_PATH comes before it" 0 "mine" "" env LUNETTE_PATH="$folder/over" "$program" -e 'print((require "lunette.show"))'
expect "an unknown op is one line" 1 "" "lunette: (command line):1: unknown op 'sofmax' (did you mean 'softmax'?)*" "$program" -e 'lunette.ops.sofmax(1)'
expect "a closing state runs finalizers" 0 "gone" "" "$program" -e 'setmetatable({}, {__gc = function() print("gone") end})'
expect "warnings with -W" 0 "" "Lua warning: careful" "$program" -W -e 'warn("careful")'

# Signals: the code runs until the signal comes, 0.3 s after the start.
signalled() { # signalled SIGNAL CODE-OF-LUA
  timeout -s "$1" --preserve-status -k 5 0.3 "$program" -e "$2"
}
expect "Ctrl-C in a loop" 130 "" "lunette: interrupted" signalled INT 'while true do end'
expect "Ctrl-C in a coroutine" 130 "" "lunette: interrupted" signalled INT 'coroutine.wrap(function() while true do end end)()'
expect "Ctrl-C in a resumed coroutine ends the resumer too" 130 "" "lunette: interrupted" \
  signalled INT 'while true do coroutine.resume(coroutine.create(function() while true do end end)) end'
expect "Ctrl-C in ops" 130 "" "lunette: interrupted" signalled INT 'local x = lunette.ones(300, 300) while true do local y = x * 2 end'
expect "SIGTERM" 143 "" "lunette: interrupted" signalled TERM 'while true do end'
expect "an interrupt can be caught, and code goes on" 0 "false${tab}interrupted!*SIGINT${tab}2.0" "" \
  signalled INT 'print(pcall(function() while true do end end)) print(lunette.interrupted(true), lunette.ones(2):sum():item())'
expect "a deferred interrupt only shows in lunette.interrupted" 0 "SIGINT${tab}SIGINT${tab}nil" "" \
  signalled INT 'lunette.defer_interrupts(true) while not lunette.interrupted() do end print(lunette.interrupted(), (lunette.interrupted(true)), lunette.interrupted())'

finish
