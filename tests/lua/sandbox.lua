-- SPDX-License-Identifier: Apache-2.0
--
-- Run by the host in a state without io, os, package and debug: TLS and SSH work all the same.

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

print("the sandbox works")
