-- SPDX-License-Identifier: Apache-2.0
--
-- serve.lua DRIVER PORTS: servers for peers.sh, until somebody runs the command "stop": TLS that echoes lines, HTTPS,
-- and SSH, which serves files as well. Their ports are written to the file PORTS. What certificates and keys they need
-- is in SESSILE_TEST_IDENTITY.

local driver_name, ports_file = ...
local driver = require("sessile." .. driver_name)
local files = require "sftp_files"
local harness = require "harness"
local sessile = require "sessile"

local folder = os.getenv("SESSILE_TEST_IDENTITY")
local identity = harness.identity()
local config = assert(sessile.TLSConfig.server {certificate = identity.certificate, key = identity.key})
local servers = {}

local function echo(connection)
    local line = connection:read("L")
    while line and line ~= "quit\n" do
        assert(connection:write(line))
        line = connection:read("L")
    end
end

local function http(connection)
    local request = connection:read("l") or ""
    repeat
        local line = connection:read("l")
    until not line or line == "\r" or line == ""
    local size = tonumber(request:match("^GET /(%d+) ")) or 0
    assert(connection:write(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"):format(size)))
    assert(connection:write(("0123456789abcdef"):rep(size / 16)))
end

local commands = {}

function commands.cat(process)
    local data = process:read()
    while data do
        assert(process:write(data))
        data = process:read()
    end
end

function commands.fail(process)
    process:write_stderr("it fails\n")
    return 7
end

-- Ends when four run it at the same time: those of one client that takes one after the other never do.
local meeting = {}

function commands.meet(process)
    meeting[#meeting + 1] = process.wire
    local all = meeting
    if #all == 4 then
        meeting = {}
        all.complete = true
        for _, wire in ipairs(all) do
            wire:wake()
        end
    end
    process.wire:wait(function() return all.complete or process.stream.over end)
    process:write("met\n")
end

-- "hold" goes on until its client has gone; "released" waits until one has.
local released, waiting = 0, {}

function commands.hold(process)
    process:write("held\n")
    process.wire:wait(function() return process.stream.over end)
    released = released + 1
    for _, wire in ipairs(waiting) do
        wire:wake()
    end
end

function commands.released(process)
    waiting[#waiting + 1] = process.wire
    process.wire:wait(function() return released > 0 or process.stream.over end)
    released = released - 1
    process:write("released\n")
end

commands["size"] = function(process)
    local columns, rows = process:size()
    process:write(("%s %d %d\r\n"):format(process.term or "none", columns, rows))
end

function commands.stop(process)
    process:write("stopping\n")
    driver.spawn(function()
        process.wire:wait(function() return process.stream.over end)
        for _, server in ipairs(servers) do
            server:close(5)
        end
    end)
end

local function start()
    local allowed = harness.read_file(folder .. "/user.pub")
    local authorized = assert(sessile.AuthorizedKeys.read(allowed))
    servers[1] = assert(driver.start_server(echo, "127.0.0.1", 0, {config = config}))
    servers[2] = assert(driver.start_server(http, "127.0.0.1", 0, {config = config}))
    servers[3] = assert(driver.listen("127.0.0.1", 0, {
        server_host_keys = {folder .. "/host"},
        handler = {public_key = function(_, user, key) return authorized:match(key, user) ~= nil end},
        process_factory = function(process)
            local command = commands[process.command or "cat"]
            return command and command(process) or 0
        end,
        sftp_factory = files.new {["/data"] = ("0123456789abcdef"):rep(62500)},
    }))
    local file = assert(io.open(ports_file, "w"))
    file:write(("%d %d %d\n"):format(servers[1].port, servers[2].port, servers[3].port))
    file:close()
end

local function failed(problem)
    io.stderr:write(tostring(problem), "\n")
    os.exit(1)
end

if driver_name == "luv" then
    driver.spawn(start, failed)
    require("luv").run()
elseif driver_name == "cqueues" then
    local queue = require("cqueues").new()
    queue:wrap(start)
    assert(queue:loop())
else
    driver.spawn(start, failed)
    driver.run()
end
