std = "lua54"
max_line_length = 140
self = false
globals = {}
read_globals = { "lunette" }
files["tests/lua"] = { read_globals = { "lunette", "test" } }
