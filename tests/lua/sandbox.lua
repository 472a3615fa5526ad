-- SPDX-License-Identifier: Apache-2.0
--
-- Run by the host in a state without io, os, package and debug: TLS, SSH and SFTP work all the same.

assert(not io and not os and not package and not debug and not load)
local sessile = require "sessile"
assert(not pcall(require, "socket"))
assert(not pcall(require, "sessile/../init"))

local function link(one, other)
    local function make(fields)
        fields.queue = ""
        function fields:on_send(data) self.peer.queue = self.peer.queue .. data end
        function fields:on_resume() end
        return assert(sessile.session(fields))
    end
    one, other = make(one), make(other)
    one.peer, other.peer = other, one
    return one, other
end

local function pump(one, other)
    local moving = true
    while moving do
        moving = false
        for _, each in ipairs {one, other} do
            local taken = each:receive(each.queue) or #each.queue
            moving = moving or taken > 0
            each.queue = each.queue:sub(taken + 1)
        end
    end
end

local function config(role)
    return assert(sessile.TLSConfig[role]()):add_psk("me", ("k"):rep(32))
end

do
    local client, server = link({}, {})
    local got
    local stream = assert(server:tls_accept(config "server"))
    function stream:on_data(data) got = data end
    local mine = assert(client:tls_connect(config "client", "server.test"))
    pump(client, server)
    assert(mine:write("hello"))
    pump(client, server)
    assert(got == "hello")
end

do
    local host, user = assert(sessile.Key.generate()), assert(sessile.Key.generate())
    local function yes(_, question) question:accept() end
    local client, server = link({}, {on_question = yes})
    function server.on_stream(_, channel)
        function channel:on_data(data)
            self:write(data:upper())
            self:send_exit_status(0)
            self:finish()
        end
    end
    assert(server:ssh_accept(assert(sessile.SSHConfig.server {host_keys = {host}})))
    local known = assert(sessile.KnownHosts.read(sessile.KnownHosts.line("server.test", 22, host)))
    local config_of_client = assert(sessile.SSHConfig.client {known_hosts = known, keys = {user}})
    assert(client:ssh_connect(config_of_client, "server.test", "a"))
    pump(client, server)
    local channel = assert(client.ssh:open_session())
    function channel:on_open() self:request_exec("shout") end
    function channel:on_reply() self:write("hello") end
    function channel:on_data(data) self.got = data end
    pump(client, server)
    assert(channel.got == "HELLO" and channel.exit_status == 0 and channel.over)
end

do
    local client, server = {queue = ""}, {queue = ""}
    for one, other in pairs {[client] = server, [server] = client} do
        function one.on_send(_, data) other.queue = other.queue .. data end
    end
    function server.on_job(_, job) assert(job:answer_name "/here") end
    client, server = assert(sessile.SFTP:new("client", client)), assert(sessile.SFTP:new("server", server))
    local got
    local request = assert(sessile.SFTPRequest:new(client, function(self) got = self:name() end))
    function client.on_ready() assert(request:realpath ".") end
    assert(server:start() and client:start())
    for _ = 1, 3 do
        for _, each in ipairs {client, server} do
            local data = each.queue
            each.queue = ""
            assert(each:receive(data))
        end
    end
    assert(got == "/here")
end

-- A driver whose connections are in memory, and whose time stands still.
local queue = {}

local function soon(call) queue[#queue + 1] = call end

local loop = {now = function() return 0 end, report = error, adopt = function(io) return io end}

function loop.spawn(call, failed)
    local task = coroutine.create(call)
    soon(function()
        local well, problem = coroutine.resume(task)
        if not well then
            failed(problem)
        end
    end)
end

function loop.waiter()
    local waiter = {}
    function waiter:signal()
        local task = self.task
        if task and not self.over then
            soon(function() assert(coroutine.resume(task)) end)
        end
        self.over = true
    end
    function waiter:wait()
        if not self.over then
            self.task = coroutine.running()
            coroutine.yield()
        end
        return true
    end
    return waiter
end

local Io = {}
Io.__index = Io

function Io:start(wire)
    self.wire = wire
    self:again()
end

function Io:again()
    soon(function()
        local data = self.inbox
        if self.wire and data ~= "" and self.wire:wants() then
            self.inbox = ""
            self.wire:arrived(data)
        elseif self.wire and data == "" and self.peer.closed then
            self.wire:ended()
        end
    end)
end

function Io:pending() return 0 end

function Io:send(data)
    self.peer.inbox = self.peer.inbox .. data
    self.peer:again()
end

function Io:finish() self:abort() end

function Io:abort()
    if not self.closed then
        self.closed = true
        self.wire:gone()
        self.peer:again()
    end
end

do
    local driver = require("sessile.endpoints").of(loop)
    local near, far = setmetatable({inbox = ""}, Io), setmetatable({inbox = ""}, Io)
    near.peer, far.peer = far, near
    local host, user = assert(sessile.Key.generate()), assert(sessile.Key.generate())
    local content, done = nil, false
    local files = {
        open = function(_, path) return path end,
        read = function(_, _, offset, size) return content:sub(offset + 1, offset + size) end,
        write = function(_, _, offset, data)
            content = (content or ""):sub(1, offset) .. data
            return true
        end,
    }
    driver.spawn(function()
        assert(driver.serve(far, {
            server_host_keys = {host}, handler = {public_key = function(_, _, key) return key == user end},
            sftp_factory = files,
        }))
    end)
    driver.spawn(function()
        local known = assert(sessile.KnownHosts.read(sessile.KnownHosts.line("server.test", 22, host)))
        local ssh = assert(driver.connect("server.test", {
            over = near, username = "a", client_keys = {user}, known_hosts = known,
        }))
        local sftp = assert(ssh:sftp())
        local left, got = 3, {}
        assert(sftp:put(function()
            left = left - 1
            return left >= 0 and ("x"):rep(50000) or nil
        end, "a") == 150000)
        assert(content == ("x"):rep(150000))
        assert(sftp:get("a", function(data) got[#got + 1] = data end) == 150000)
        assert(table.concat(got) == content)
        local well, problem = pcall(sftp.get, sftp, "a", "a local file")
        assert(not well and problem:find("there are no local files here", 1, true))
        assert(sftp:close())
        assert(ssh:close())
        done = true
    end)
    while queue[1] do
        table.remove(queue, 1)()
    end
    assert(done)
end

print("the sandbox works")
