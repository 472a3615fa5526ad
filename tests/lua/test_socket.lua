-- SPDX-License-Identifier: Apache-2.0
--
-- sessile.socket: in tasks, and then blocking.

local driver = require "sessile.socket"
local ends = require "ends"
local harness = require "harness"
local sessile = require "sessile"
local suite = require "drivers"
local tcp = require "socket"

local equal, test = harness.equal, harness.test

test("plain code without tasks is a blocking client", function()
    local host, user = harness.key("host"), harness.key("user")
    local server = assert(driver.listen("127.0.0.1", 0, {
        server_host_keys = {host},
        handler = {public_key = function(_, _, key) return key == user end},
        process_factory = function(process) process:write(process.command:upper()) end,
    }))
    local known = assert(sessile.KnownHosts.read(sessile.KnownHosts.line("127.0.0.1", server.port, host)))
    local client = assert(driver.connect("127.0.0.1", {
        port = server.port, username = "alice", client_keys = {user}, known_hosts = known,
    }))
    equal(client:run("uname").stdout, "UNAME")
    assert(client:close())
    assert(server:close())
end)

test("waiting for what cannot come raises", function()
    local problem = harness.raises(function() driver.loop.waiter():wait() end)
    assert(problem:find("nothing can happen", 1, true))
end)

test("a socket that select() has no room for is refused, and the server goes on", function()
    local server = ends.tls_server(driver, ends.echo)
    local others, refused = {}, nil
    repeat
        others[#others + 1] = assert(tcp.udp4())
    until others[#others]:getfd() >= tcp._SETSIZE
    local errors = io.stderr
    rawset(io, "stderr", {write = function(_, ...) refused = table.concat({...}) end})
    local connection, problem = driver.open_connection(ends.LOCAL, server.port, ends.client_options())
    equal(connection, nil)
    assert(problem:find("too many sockets", 1, true), problem)
    -- One number is free for the client's end: the server's is beyond.
    table.remove(others, 1):close()
    connection = driver.open_connection(ends.LOCAL, server.port, ends.client_options())
    equal(connection, nil)
    rawset(io, "stderr", errors)
    assert(refused:find("too many sockets", 1, true), refused)
    for _, other in ipairs(others) do
        other:close()
    end
    connection = assert(driver.open_connection(ends.LOCAL, server.port, ends.client_options()))
    assert(connection:close())
    assert(server:close())
end)

suite.run(driver, function(body, failed)
    driver.spawn(body, failed)
    driver.run()
end, true)
