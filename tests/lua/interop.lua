-- SPDX-License-Identifier: Apache-2.0
--
-- interop.lua tls|ssh|sftp client|server [COMMAND]: one end of interop.py, in Lua on libuv; its wire is file descriptor
-- 0. A client sends a megabyte, which the server sends back (SSH: the command, "cat" if none is given, with status 5;
-- SFTP: a file), and says how it went.

local protocol, role, command = ...
local driver = require "sessile.luv"
local harness = require "harness"
local sessile = require "sessile"
local uv = require "luv"

local DATA = ("0123456789abcdef"):rep(65536)
local folder = os.getenv("SESSILE_TEST_IDENTITY")
local identity = harness.identity()
local wire = uv.new_pipe(false)
assert(wire:open(0))

local function echo(flow)
    local data = flow:read()
    while data do
        assert(flow:write(data))
        data = flow:read()
    end
end

local ends = {tls = {}, ssh = {}, sftp = {}}

function ends.tls.server()
    local config = assert(sessile.TLSConfig.server {certificate = identity.certificate, key = identity.key})
    local connection = assert(driver.start_tls(wire, {server_side = true, config = config}))
    echo(connection)
    assert(connection:close())
end

function ends.tls.client()
    local config = assert(sessile.TLSConfig.client {trust = identity.certificate})
    local connection = assert(driver.start_tls(wire, {config = config, server_hostname = "server.test"}))
    driver.spawn(function()
        assert(connection:write(DATA))
        assert(connection:finish())
    end)
    assert(assert(connection:read("a")) == DATA, "something else came back")
    assert(connection:close())
end

local function serve(options)
    local allowed = assert(sessile.Key.read_public(harness.read_file(folder .. "/user.pub")))
    options.server_host_keys = {folder .. "/host"}
    options.handler = {public_key = function(_, _, key) return key == allowed end}
    local served, problem = driver.serve(wire, options)
    -- What is answered behind the client's goodbye may meet a wire that is closed: whether all has come, the client
    -- says.
    assert(served or problem == "EPIPE" or problem == "ECONNRESET", problem)
end

local function log_in()
    local host = assert(sessile.Key.read_public(harness.read_file(folder .. "/host.pub")))
    return assert(driver.connect("server.test", {
        over = wire, username = "alice", client_keys = {folder .. "/user"},
        accept_host_key = function(_, _, key) return key == host end,
    }))
end

function ends.ssh.server()
    serve {process_factory = function(process)
        echo(process)
        return 5
    end}
end

function ends.ssh.client()
    local client = log_in()
    local result = assert(client:run(command or "cat", {input = DATA, timeout = 30}))
    assert(result.stdout == DATA and result.exit_status == 5, "something else came back")
    assert(client:close())
end

function ends.sftp.server() serve {sftp_factory = require("sftp_files").new()} end

function ends.sftp.client()
    local client = log_in()
    local sftp = assert(client:sftp())
    assert(sftp:mkdir("d"))
    assert(sftp:write_file("d/a", DATA))
    assert(sftp:read_file("d/a") == DATA, "something else came back")
    local entries = assert(sftp:list("d"))
    assert(#entries == 1 and entries[1].name == "a" and entries[1].size == #DATA)
    assert(sftp:symlink("a", "d/l"))
    assert(sftp:readlink("d/l") == "a")
    assert(select(4, sftp:rmdir("d")) == "failure")
    assert(select(4, sftp:stat("none")) == "no_such_file")
    assert(sftp:close())
    assert(client:close())
end

driver.spawn(ends[protocol][role], function(problem)
    io.stderr:write(tostring(problem), "\n")
    os.exit(1)
end)
uv.run()
