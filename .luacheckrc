-- For luacheck: ./run lua runs it.
std = "lua51+lua52+lua53+lua54+luajit"
max_line_length = 120
self = false
unused_args = false
files["bindings/lua/sessile/luv.lua"].read_globals = {"vim"}
files["bindings/lua/sessile/ngx.lua"].globals = {"ngx"}
files["examples/lua/driver.lua"].read_globals = {"host"}
files["examples/lua/script.lua"].read_globals = {"host"}
files["tests/lua/embedded.lua"].read_globals = {"host"}
files["examples/lua/neovim.lua"].globals = {"vim"}
files["tests/lua/neovim.lua"].globals = {"vim"}
files["tests/lua/nginx/init.lua"] = {globals = {"ngx"}, allow_defined_top = true, ignore = {"131"}}
-- What these assign is there to be collected, or not to be.
files["tests/lua/test_sftp.lua"].ignore = {"311", "331"}
files["tests/lua/test_misuse.lua"].ignore = {"311", "312", "331"}
files["tests/lua/test_tls.lua"].ignore = {"241", "331"}
