rockspec_format = "3.0"
package = "sessile"
version = "scm-1"
-- The tree that this file stands in: "luarocks make" here.
source = {
    url = ".",
}
description = {
    summary = "Secure sessions, TLS and SSH, that never touch the wire",
    detailed = [[
A session is handed the bytes that arrived and hands back the bytes to send. What carries them is the program's: a
socket of LuaSocket's, libuv, a coroutine, memory. TLS 1.2 and 1.3, and SSH-2, client and server.]],
    license = "Apache-2.0",
}
dependencies = {
    "lua >= 5.1, < 5.5",
}
external_dependencies = {
    OPENSSL = {header = "openssl/ssl.h"},
    ZLIB = {header = "zlib.h"},
}
build = {
    type = "command",
    build_command = "cmake -S . -B build.luarocks -DCMAKE_BUILD_TYPE=Release -DSESSILE_LUA=ON -DSESSILE_TESTS=OFF "
        .. "-DSESSILE_EXAMPLES=OFF -DSESSILE_LUA_INCLUDE_DIR=$(LUA_INCDIR) -DSESSILE_LUA_LMOD=$(LUADIR) "
        .. "-DSESSILE_LUA_CMOD=$(LIBDIR) && cmake --build build.luarocks --parallel --target sessile_lua",
    install_command = "cmake --install build.luarocks --component lua",
}
