#!/bin/sh
# The REPL on a terminal, typed at by the driver of terminal.c. usage: repl.sh PROGRAM
. "$(dirname "$0")/../checks.sh"
terminal="$folder/terminal"
"${CC:-cc}" -O1 -Wall -Wextra -o "$terminal" "$(dirname "$0")/terminal.c" || exit 1
unset XDG_STATE_HOME LUNETTE_PATH NO_COLOR COLORTERM TERM_PROGRAM KITTY_WINDOW_ID TMUX
export HOME="$folder" TERM=xterm

session() { # session NAME [ARGS of the program]: the steps come on standard input
  name=$1
  shift
  cat >"$folder/steps"
  ok=no
  "$terminal" "$folder/steps" "$program" "$@" >"$folder/said" && ok=yes
  result "$name" $ok "$folder/said"
}

session "expressions print, a semicolon mutes, statements do not print" <<'END'
expect > 
send 6 * 7\n
expect 42
expect > 
send = "a" .. "b"\n
expect ab
expect > 
send 10 + 1000;\n
expect > 
absent 1010
send y = {1, x = "z"}\n
expect > 
send y\n
expect {1, x = "z"}
send lunette.ones(2, 2) * 2.5\n
expect float32 [2x2] cpu
expect 2.5000  2.5000
expect > 
send ^D
exit 0
END

session "a NaN has no sign" <<'END'
expect > 
send lunette.tensor({1, 0/0})\n
expect 1  nan
expect > 
send ^D
exit 0
END

session "an unfinished input goes on, a wrong one does not" <<'END'
expect > 
send for i = 1, 2 do\n
expect >> 
send print(i * 11)\n
expect >> 
send end\n
expect 11
expect 22
expect > 
send x = = 2\n
expect repl[2]:1: unexpected symbol near '='
expect > 
send ^D
exit 0
END

session "an expression without its end goes on" <<'END'
expect 1> 
send 40 +\n
expect >> 
send 2\n
expect 42
send lunette.ones(2,\n
expect >> 
send 2):sum():item() *\n
expect >> 
send 25\n
expect 100.0
send 1 + = 2\n
expect unexpected symbol near
expect 4> 
send ^D
exit 0
END

session "a global that does not exist is answered with one that does" <<'END'
expect 1> 
send prnt(3)\n
expect (global 'prnt') (did you mean 'print'?)
expect 2> 
send randn(3)\n
expect (did you mean 'lunette.randn'?)
expect 3> 
send x.y.z\n
expect (global 'x')
absent did you mean
expect 4> 
send ^D
exit 0
END

session "errors show the chunk and the user's frames only" <<'END'
expect > 
send function f() error("deep") end\n
expect > 
send f()\n
expect repl[1]:1: deep
expect in function 'f'
expect > 
absent [C]
send print(f())\n
expect in function 'f'
expect repl[3]:1: in main chunk
expect > 
absent [C]
send 1 + 1\n
expect 2
send lunette.ones(2)[0]\n
expect index 0: positions count from 1
expect > 
send ^D
exit 0
END

printf 'local y\nlocal function f()\n  return y.z\nend\nlocal x = f()\nreturn x\n' >"$folder/script.lua"
session "errors show their line of source, and a place of the user's rather than one in the program" -i -e "file = '$folder/script.lua'" <<'END'
expect > 
send function g(n)\n
expect >> 
send   local m = n + 1\n
expect >> 
send   return lunette.nn.Linear(m, "x") + 0\n
expect >> 
send end\n
expect 2> 
send g(1)\n
expect repl[1]:3: zeros: a size must be a whole number
expect      3 |   return lunette.nn.Linear(m, "x") + 0
absent lunette/nn/linear
send lunette.nn.Linear(3, "x")\n
expect repl[3]:1: zeros: a size
expect      1 | lunette.nn.Linear(3, "x")
send x = dofile(file)\n
expect script.lua:3: attempt to index a nil value
expect      3 |   return y.z
expect in function
absent [C]: in ?
send table.sort({1, 2, 3}, function(a, b) return a.x < b.x end)\n
expect attempt to index a number value
expect in function 'table.sort'
send function h() return 1 + h() end h()\n
expect stack overflow
send error({})\n
expect table: 0x
send error("two\nlines", 0)\n
expect two
expect lines
send 1 + 1\n
expect 2
expect > 
send ^D
exit 0
END

session "results are kept by number, those of the last ten inputs" <<'END'
expect 1> 
send 6 * 7\n
expect 42
expect 2> 
send lunette.ones(2);\n
expect 3> 
send _1 + _ :sum():item()\n
expect 44.0
send _2 * 3\n
expect 3  
expect 5> 
send _3 = "mine" for i = 1, 3 do end\n
expect 6> 
send x = 1\n
expect 7> 
send "s7"\n
send "s8"\n
send "s9"\n
send "s10"\n
expect s10
send "s11"\n
expect s11
expect 12> 
send print(_1, _2, _7, _11)\n
expect nil	nil	s7	s11
send "s13"\n
expect 14> 
send print(_4, _3, _5 == nil and _7 ~= nil, _13)\n
expect nil	mine	true	s13
send ^D
exit 0
END

session "times an expression or a block, and shows its value" <<'END'
expect > 
send :time 40 + 2\n
expect 42
expect , of processor time 
expect > 
send :time for i = 1, 2 do\n
expect >> 
send end\n
expect , of processor time 
send :time error("wrong")\n
expect repl[3]:1: wrong
absent processor time
send ^D
exit 0
END

session "names of the tensors that live" <<'END'
expect > 
send :who\n
expect cpu: 0 tensors named here
send x = {a = lunette.zeros(250, 100), deep = {lunette.zeros(3, {dtype = "u8"})}} x.x = x\n
send y = setmetatable({}, {__index = function() error "called" end, __pairs = function() error "called" end})\n
send f = lunette.ones(2) f:free()\n
expect 5> 
send :who\n
expect f
expect freed
expect x.a
expect f32    [250x100]  cpu  100.0 KB
expect x.deep[1]
expect u8     [3]        cpu       3 B
expect cpu: 2 tensors named here, 100.0 KB
absent called
send :what\n
expect no command ':what'
send ^D
exit 0
END

mkdir -p "$folder/pictures/deep"
: >"$folder/pictures/größe.png"
session "Tab completes names, fields, methods and topics" -i -e "folder = '$folder'" <<'END'
expect 1> 
send lunette.man\t
expect ual_seed
send (3)\n
expect 2> 
send x = lunette.one\t(2, 3)\n
expect 3> 
send x:norma\t():shape(2) * 100\n
expect 300
send x:re\t
expect relu
expect reshape
expect 4> x:re
send lu():sum():item()\n
expect 6
send lunette.opt\t.sg\t;\n
expect d;
expect > 
send x.req\t\n
expect false
send t = {list = {{inner_name = 7}}, ["by_key"] = {other_name = 8}}\n
expect 7> 
send t.li\t[1].inn\t + t["by_key"].oth\t\n
expect 15
send ("x"):up\t
absent upper
send ^Us = "abc"\n
send s:upp\t()\n
expect ABC
send ?matm\t\n
expect lunette.ops.matmul
send :ti\t1 + 1\n
expect of processor time
send ret\t 5 * 5\n
expect 25
expect > 
send 	y = 3 -- x:norma\t\n
absent x:normalize
send ^D
exit 0
END

session "Tab completes paths inside quotes" -i -e "folder = '$folder'" <<END
expect 1> 
send f = assert(io.open("$folder/pict\tgr\t))\n
expect 2> 
send io.type(f)\n
expect file
send ("$folder/pictures/\t
expect deep/
expect größe.png
send d\t"):sub(-5)\n
expect deep/
expect 4> 
send ^D
exit 0
END

session "Tab runs no code of the user's" <<'END'
expect 1> 
send bad = function() called = true error "called" end\n
send t = setmetatable({field_one = 1}, {__index = bad, __pairs = bad, __len = bad, __eq = bad, __name = "t"})\n
send u = setmetatable({}, {__index = setmetatable({}, {__index = t}), __metatable = bad})\n
send pairs, ipairs, next, type, rawget, string.find, string.sub, string.match = bad, bad, bad, bad, bad, bad, bad, bad\n
expect 5> 
send print(t.fie\t + 100)\n
expect 101
send t.absent\t
send .x\t
send ^Uprint(u.fie\t + 200)\n
expect 201
send print(called == nil and "never")\n
expect never
send ^D
exit 0
END

session "a pasted block with tabs is one input, other pasted lines are inputs of their own" <<'END'
expect 1> 
send \x1b[200~function twice(n)\r\tif n then\r\t\treturn n * 2 -- \xc3\xa9\r\tend\rend\r\x1b[201~
expect é
send \n
expect 2> 
send twice(21)\n
expect 42
expect 3> 
send \x1b[200~a = 5\na\nfor i = 1, 2 do\n\tprint(i * 11)\nend\na * 2\n\x1b[201~\n
expect 3> a = 5
expect 4> a
expect 5
expect >> end
expect 11
expect 22
expect 10
expect 7> 
send \x1b[200~b = 1\nb\nwhile true do end\nb = 2\n\x1b[201~\n
wait 300
send ^C
expect interrupted!
expect > 
send b\n
expect 1
send ^D
exit 0
END
session "the arrow brings a block back as one input" <<'END'
expect 1> 
send ^P^P^P^P^P^P^P^P^P^P
expect twice
send \n
send twice(4)\n
expect 8
send ^D
exit 0
END

session "a picture is drawn on the terminal" -i -e 'p = lunette.tensor({{1, 0}, {0, 1}})' <<'END'
expect 1> 
send lunette.plot.show(p)\n
expect 38;5;229m
expect ▀
expect 2> 
send ^D
exit 0
END

session "Ctrl-C ends a computation and keeps the session" <<'END'
expect > 
send kept = 5\n
expect > 
send while true do end\n
wait 300
send ^C
expect interrupted!
expect > 
send coroutine.wrap(function() while true do end end)()\n
wait 300
send ^C
expect interrupted!
expect > 
send x = lunette.ones(200, 200) while true do y = x * 2 end\n
wait 300
send ^C
expect interrupted!
expect > 
send while true do pcall(function() while true do end end) end\n
wait 300
send ^C
wait 500
send ^C
expect interrupted!
send kept + lunette.ones(2):sum():item()\n
expect 7.0
expect > 
send ^D
exit 0
END

session "Ctrl-C ends what runs in no Lua code of the main coroutine" <<'END'
expect 1> 
send function forever() while true do end end kept = 5\n
expect 2> 
send ("a"):rep(40):find(("a?"):rep(40) .. ("a"):rep(40))\n
wait 300
send ^C
expect interrupted!
expect 3> 
send for w in ("a"):rep(40):gmatch(("a?"):rep(40) .. ("a"):rep(40)) do end\n
wait 300
send ^C
expect interrupted!
expect 4> 
send ("x"):rep(100):gsub("x", forever)\n
wait 300
send ^C
expect interrupted!
expect 5> 
send table.sort({1, 2, 3}, forever)\n
wait 300
send ^C
expect interrupted!
expect 6> 
send table.move(setmetatable({}, {__newindex = rawlen}), 1, 1 << 60, 2)\n
wait 300
send ^C
expect interrupted!
expect 7> 
send table.concat(setmetatable({}, {__index = string.rep("x", 3).rep and function() return "" end}), "", 1, 1 << 60)\n
wait 300
send ^C
expect interrupted!
expect 8> 
send setmetatable({}, {__gc = forever}) collectgarbage()\n
wait 300
send ^C
expect interrupted!
expect 9> 
send co = coroutine.create(function() local x <close> = setmetatable({}, {__close = forever}) coroutine.yield() end)\n
expect 10> 
send coroutine.resume(co) coroutine.close(co)\n
wait 300
send ^C
expect interrupted!
expect 11> 
send while true do os.execute("sleep 0.2") end\n
wait 500
send ^C
expect interrupted!
expect 12> 
send load(function() return " " end)\n
wait 300
send ^C
expect interrupted!
expect 13> 
send x = lunette.randn(5000, 5000) while true do y = x:matmul(x) end\n
wait 1500
send ^C
expect interrupted!
expect 14> 
send kept + 1\n
expect 6
expect > 
send ^D
exit 0
END

session "what holds on to an interrupt gives way to the second, soon after the first too, and the session goes on" <<'END'
expect 1> 
send function forever() while true do end end kept = 5\n
expect 2> 
send while true do pcall(forever) end\n
wait 300
send ^C
wait 60
send ^C
expect interrupted!
expect 3> 
send xpcall(error, forever)\n
wait 300
send ^C
wait 300
send ^C
expect false
expect 4> 
send while true do xpcall(forever, forever) end\n
wait 300
send ^C
wait 300
send ^C
expect interrupted!
expect 5> 
send coroutine.wrap(function() while true do pcall(coroutine.wrap(forever)) end end)()\n
wait 300
send ^C
wait 300
send ^C
expect interrupted!
expect 6> 
send coroutine.wrap(function() while true do pcall(coroutine.resume, coroutine.create(function() pcall(forever) end)) end end)()\n
wait 300
send ^C
wait 300
send ^C
expect interrupted!
expect 7> 
send while true do local x <close> = setmetatable({}, {__close = forever}) pcall(error) end\n
wait 300
send ^C
wait 300
send ^C
expect interrupted!
expect 8> 
send error(setmetatable({}, {__tostring = forever}))\n
wait 300
send ^C
wait 300
send ^C
expect 9> 
send setmetatable({}, {__tostring = forever})\n
wait 300
send ^C
expect interrupted!
expect 10> 
send lunette.defer_interrupts(true) while true do end\n
wait 300
send ^C
wait 60
send ^C
wait 60
send ^C
expect interrupted!
expect 11> 
send ^C^C^C^C^Ckept + 1\n
expect 6
expect > 
send ^D
exit 0
END

session "Ctrl-C at the prompt cancels the input" <<'END'
expect > 
send for i = 1, 2 do\n
expect >> 
send nonsense^C
expect > 
send 8 * 8\n
expect 64
expect > 
send ^D
exit 0
END

session "help" <<'END'
expect > 
send ?reshape\n
expect x:tensor shape:ints -> y
send ?reshpe\n
expect did you mean 'reshape'
expect > 
send help "nn.Linear"\n
expect times weight
send help(lunette.nn.Linear)\n
expect lunette.nn.Linear(inputs, outputs
send help\n
expect lunette help TOPIC
send function own(a, b) end\n
send ?own\n
expect own(a, b)
expect defined at repl[6]:1
send help(dofile)\n
expect a function of the program written in C
send help(3)\n
expect no help on this number
expect > 
send ^D
exit 0
END

session "text beyond ASCII, and the history of earlier sessions" <<'END'
expect > 
send "gr\xc3\xbc\xc3\x9fe" .. "!"\n
expect grüße!
expect > 
send ^D
exit 0
END
session "the arrow brings back what an earlier session ran" <<'END'
expect > 
send ^P\n
expect grüße" .. "!"
expect grüße!
expect > 
send ^D
exit 0
END
check "the history file is plain UTF-8" grep -q 'grüße' "$folder/.lunette_history"

session "os.exit" <<'END'
expect > 
send os.exit(3)\n
exit 3
END

session "-i after -e keeps its globals" -i -e 'n = 21' <<'END'
expect > 
send n * 2\n
expect 42
expect > 
send ^D
exit 0
END

TERM=dumb
session "a dumb terminal" <<'END'
expect > 
send 6 * 7\n
expect 42
send while true do end\n
wait 300
send ^C
expect interrupted!
expect > 
send ^D
exit 0
END

finish
