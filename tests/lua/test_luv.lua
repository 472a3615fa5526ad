-- SPDX-License-Identifier: Apache-2.0
--
-- sessile.luv. The loop runs until nothing is left in it, so that what a driver leaves behind hangs the test.

local driver = require "sessile.luv"
local harness = require "harness"
local sessile = require "sessile"
local suite = require "drivers"
local uv = require "luv"

local unpack = unpack or table.unpack

harness.test("a handle that is not connected is an error, and not a wait", function()
    local config = assert(sessile.TLSConfig.server()):add_psk("me", ("k"):rep(32))
    local result
    driver.spawn(function() result = {driver.start_tls(uv.new_tcp(), {server_side = true, config = config})} end)
    uv.run()
    harness.fails(sessile.ERR_DROPPED, unpack(result, 1, 3))
    assert(result[2]:find("ENOTCONN", 1, true), result[2])
end)

harness.test("writing to who has gone is an error, and not the end of the program", function()
    local ends = assert(uv.socketpair())
    local near, far = uv.new_pipe(false), uv.new_pipe(false)
    assert(near:open(ends[1]))
    assert(far:open(ends[2]))
    far:close()
    local done
    driver.spawn(function()
        local connection, problem = driver.start_tls(near, {
            config = assert(sessile.TLSConfig.client {trust = harness.identity().certificate}),
            server_hostname = "server.test",
        })
        harness.equal(connection, nil)
        assert(type(problem) == "string")
        done = true
    end)
    uv.run()
    harness.equal(done, true)
end)

suite.run(driver, function(body, failed)
    local watch = uv.new_timer()
    watch:start(60000, 0, function() failed("a minute has gone") end)
    watch:unref()
    driver.spawn(body, failed)
    uv.run()
    watch:close()
    uv.run()
end, true)
