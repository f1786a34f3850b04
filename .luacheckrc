std = "lua54"
max_line_length = 140
globals = {}
read_globals = { "lunette" }
files["tests/lua"] = { read_globals = { "lunette", "test" } }
