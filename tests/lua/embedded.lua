-- SPDX-License-Identifier: Apache-2.0
--
-- A script for the program of examples/lua that embeds Lua (host.c): what its sandbox keeps from scripts, and a
-- connection that does not come about.

local driver = require "driver"

for _, name in ipairs {"receive", "send", "close", "accept", "check", "wait"} do
    for _, descriptor in ipairs {0, 1, 2, -1, 4095, 4096, 2 ^ 31} do
        assert(not pcall(host[name], descriptor, "x"), name .. " takes a descriptor that is not the script's")
    end
end
for _, name in ipairs {"io", "os", "package", "debug", "load", "loadstring", "dofile", "loadfile", "ffi", "jit"} do
    assert(name == "jit" or _G[name] == nil, name)
end
assert(not pcall(require, "socket") and not pcall(require, "sessile/../core"))

-- Whoever is not taken in fills the queue, until the system answers nobody any more.
local deaf, port = host.listen("127.0.0.1", 0)
local others = {}
for index = 1, 80 do
    others[index] = assert(host.connect("127.0.0.1", port))
end
-- Woken before: that is no connection either.
host.wake(coroutine.running())
local connection, problem = driver.open_connection("127.0.0.1", port, {connect_timeout = 0.2})
assert(connection == nil and problem == "timeout", problem)
for _, other in ipairs(others) do
    host.close(other)
end
host.close(deaf)
connection, problem = driver.open_connection("127.0.0.1", port, {connect_timeout = 5})
assert(connection == nil and problem:find("refused"), problem)
host.print("the sandbox holds")
