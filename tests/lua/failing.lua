-- SPDX-License-Identifier: Apache-2.0
--
-- Run by the host again and again while Lua's memory fails: whatever happens is an error, and leaves nothing behind. No
-- assertion here, since any step may fail; what must hold is that nothing crashes or leaks.

local sessile = require "sessile"

local function link(fields)
    local one = {queue = ""}
    local other = fields or {}
    other.queue = ""
    for _, each in ipairs {one, other} do
        function each:on_send(data) self.peer.queue = self.peer.queue .. data end
        function each:on_resume() end
        function each:on_closed(message) self.message = message end
        function each:on_notice(notice, data) self.notice = notice .. data end
    end
    one.peer, other.peer = other, one
    return assert(sessile.session(one)), assert(sessile.session(other))
end

local function pump(one, other)
    for _ = 1, 20 do
        for _, each in ipairs {one, other} do
            local taken = each:receive(each.queue) or #each.queue
            each.queue = each.queue:sub(taken + 1)
        end
        if one.queue == "" and other.queue == "" then
            return
        end
    end
end

local function tls()
    local client, server = link()
    local function config(role) return assert(assert(sessile.TLSConfig[role]()):add_psk("me", ("k"):rep(32))) end
    local theirs = assert(server:tls_accept(config "server"))
    function theirs:on_data(data) self:write(data) end
    local mine = assert(client:tls_connect(config "client", "server.test"))
    function mine:on_data(data) self.got = data end
    pump(client, server)
    mine:write("hello")
    pump(client, server)
    mine:finish()
    pump(client, server)
end

local key

local function ssh()
    key = key or assert(sessile.Key.generate())
    local kept
    local client, server = link {
        on_question = function(_, question)
            if question.kind == "ssh_request" then
                kept = question:keep()
            else
                question:accept()
            end
        end,
        on_stream = function(_, channel)
            channel.on_end = function() end
            function channel:on_data(data) self:write_stderr(data) end
        end,
    }
    assert(server:ssh_accept(assert(sessile.SSHConfig.server {host_keys = {key}})))
    local known = assert(sessile.KnownHosts.read(sessile.KnownHosts.line("server.test", 22, key)))
    assert(client:ssh_connect(assert(sessile.SSHConfig.client {known_hosts = known, keys = {key}}), "server.test", "a"))
    pump(client, server)
    local channel = assert(client.ssh:open_session())
    function channel:on_open() self:request_exec("x") end
    function channel:on_reply() self:write("hello") end
    channel.on_stderr = function(self, data) self.got = data end
    pump(client, server)
    if kept then
        kept:accept()
    end
    pump(client, server)
    channel:abort()
    pump(client, server)
end

local function keys()
    local certificate = assert(key:sign_certificate(key, {
        kind = "user", principals = {"a"}, valid_after = 0, valid_before = math.huge, serial = "9999999999999999999",
        critical = {["force-command"] = ("c"):rep(5000)},
    }))
    certificate:blob()
    certificate:certificate():critical("force-command")
    certificate:certificate():authority()
    assert(sessile.Key.read("rubbish") == nil)
    local one, other = sessile.pair()
    local thread = coroutine.wrap(function()
        one:abort()
        coroutine.yield()
    end)
    thread()
    other:free()
end

local function sftp_ends(job)
    local client, server = {queue = ""}, {queue = "", on_job = job}
    for one, other in pairs {[client] = server, [server] = client} do
        function one.on_send(_, data) other.queue = other.queue .. data end
        function one:on_closed(message) self.message = message end
        function one:on_release(file) self.released = file end
    end
    return assert(sessile.SFTP:new("client", client)), assert(sessile.SFTP:new("server", server))
end

local function carry(client, server)
    for _ = 1, 20 do
        for _, each in ipairs {client, server} do
            local data = each.queue
            each.queue = ""
            each:receive(data)
        end
    end
end

local answers = {}

function answers.open(job) job:answer_handle(1) end

function answers.opendir(job) job:answer_handle(2) end

function answers.read(job)
    if job:offset() > 100000 then
        job:answer_data ""
    else
        job:answer_data(("x"):rep(job:length()))
    end
end

function answers.write(job) job:answer_status(#job:data() > 0 and "ok" or "failure") end

function answers.readdir(job)
    job:add_name("a", "a line", {size = 1, type = "file", permissions = 0})
    job:answer_names()
end

local function sftp()
    local kept
    local client, server = sftp_ends(function(_, job)
        if answers[job.operation] then
            answers[job.operation](job)
        else
            kept = job:keep()
        end
    end)
    assert(server:start() and client:start())
    carry(client, server)
    local handle, names
    local request = assert(sessile.SFTPRequest:new(client, function(self)
        handle = self:handle() or handle
        names = self:names()
    end))
    assert(request:opendir("a"))
    carry(client, server)
    assert(request:readdir(handle))
    carry(client, server)
    local name = names[1].name
    assert(request:open("a", {"read", "write"}, {permissions = 420}))
    carry(client, server)
    local transfer = assert(sessile.SFTPTransfer:new(client))
    local size = 0
    function transfer.on_sink(_, _, data) size = size + #data end
    assert(transfer:get(handle))
    carry(client, server)
    function transfer.on_source(_, offset, room) return offset < 100000 and ("y"):rep(room) or "" end
    assert(transfer:put(handle))
    carry(client, server)
    request:remove(name)
    carry(client, server)
    if kept then
        kept:answer_status "ok"
    end
    server:finish()
    client:receive_end()
end

tls()
ssh()
keys()
sftp()
