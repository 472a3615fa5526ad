-- SPDX-License-Identifier: Apache-2.0
--
-- A script for host.c: an SSH server and its client, and TLS with a key that both know, all on the application's loop.

local driver = require "driver"
local sessile = require "sessile"

local function ssh()
    local host_key, user_key = assert(sessile.Key.generate()), assert(sessile.Key.generate())
    local server = assert(driver.listen("127.0.0.1", 0, {
        server_host_keys = {host_key},
        handler = {public_key = function(_, user, key) return user == "alice" and key == user_key end},
        process_factory = function(process)
            process:write(process.command:upper())
            return 3
        end,
    }))
    local client = assert(driver.connect("127.0.0.1", {
        port = server.port, username = "alice", client_keys = {user_key},
        accept_host_key = function(_, _, key) return key == host_key end,
    }))
    local result = assert(client:run("uname"))
    host.print(("ssh: %s, status %d"):format(result.stdout, result.exit_status))
    assert(client:close())
    assert(server:close())
end

local function config(role)
    return assert(sessile.TLSConfig[role]()):add_psk("alice", ("k"):rep(32))
end

local function tls()
    local server = assert(driver.start_server(function(connection)
        connection:write(connection:read("l"):reverse() .. "\n")
    end, "127.0.0.1", 0, {config = config "server"}))
    local connection = assert(driver.open_connection("127.0.0.1", server.port, {config = config "client"}))
    assert(connection:write("desrever\n"))
    host.print(("tls: %s, %s"):format(connection:read("l"), connection.tls:version()))
    assert(connection:close())
    assert(server:close())
end

assert(io == nil and os == nil and package == nil and debug == nil)
ssh()
tls()
host.print("done")
