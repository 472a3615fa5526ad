-- SPDX-License-Identifier: Apache-2.0
--
-- sessile.socket: in tasks, and then blocking.

local driver = require "sessile.socket"
local harness = require "harness"
local sessile = require "sessile"
local suite = require "drivers"

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

suite.run(driver, function(body, failed)
    driver.spawn(body, failed)
    driver.run()
end)
