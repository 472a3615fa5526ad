-- SPDX-License-Identifier: Apache-2.0
--
-- SFTP without any I/O: two ends over bytes carried by hand.

local sessile = require "sessile"
local core = require "sessile.core"
local h = require "harness"
local test, equal, fails, raises = h.test, h.equal, h.fails, h.raises

-- Ends ---------------------------------------------------------------------------------------------------------------

-- One end, whose bytes wait in a queue until they are carried.
local End = sessile.SFTP:extend()

function End:on_send(data)
    local taken = math.min(self.most or #data, #data)
    self.queue = self.queue .. data:sub(1, taken)
    return taken
end

function End:on_ready() self.log[#self.log + 1] = "ready" end

function End:on_closed(message, code)
    self.message, self.code = message, code
    self.log[#self.log + 1] = "closed"
end

local function make(role, fields)
    fields = fields or {}
    fields.queue, fields.log = "", {}
    return assert(End:new(role, fields))
end

-- Until nothing moves any more, in steps of so many bytes.
local function carry(one, other, step)
    while one.queue ~= "" or other.queue ~= "" do
        for source, target in pairs {[one] = other, [other] = one} do
            while source.queue ~= "" do
                local piece = source.queue:sub(1, step or -1)
                source.queue = source.queue:sub(#piece + 1)
                assert(target:receive(piece))
            end
        end
    end
end

local function ends(job, step, fields)
    fields = fields or {}
    fields.on_job = function(_, which) job(which) end
    local client, server = make("client"), make("server", fields)
    for _, operation in ipairs {"statvfs", "users_groups", "posix_rename"} do
        assert(server:serve(operation))
    end
    assert(server:serve_extended("vendor@example.org", "1"))
    assert(server:start())
    assert(client:start())
    carry(client, server, step)
    equal(table.concat(client.log) .. table.concat(server.log), "readyready")
    return client, server
end

-- Submit, carry, and return what take() makes of the answer, or the failure.
local function ask_by(client, server, step)
    return function(take, method, ...)
        local told
        local request = assert(sessile.SFTPRequest:new(client))
        function request:on_reply()
            assert(not told, "two replies")
            told = {self:result()}
            if told[1] then
                told = {take and take(self) or true}
            end
        end
        assert(request[method](request, ...))
        carry(client, server, step)
        assert(told, "no reply")
        return (unpack or table.unpack)(told, 1, 4)
    end
end

-- A server of one file.
local content

local function reset()
    local bytes = {}
    for value = 0, 255 do
        bytes[value + 1] = string.char(value)
    end
    content = table.concat(bytes):rep(400)
end

local jobs = {}

function jobs.open(job)
    local flags = job:flags()
    assert(job:path() == "/a" and flags.read and flags.write and not flags.create and job:attrs().permissions == 384)
    assert(job:answer_handle(7))
end

function jobs.read(job)
    assert(job:file() == 7)
    assert(job:answer_data(content:sub(job:offset() + 1, job:offset() + job:length())))
end

function jobs.write(job)
    local data, offset = job:data(), job:offset()
    content = content:sub(1, offset) .. data .. content:sub(offset + #data + 1)
    assert(job:answer_status "ok")
end

function jobs.fstat(job) assert(job:answer_attrs {size = #content, mtime = 5.5}) end

function jobs.opendir(job) assert(job:answer_handle(8)) end

function jobs.readdir(job)
    assert(job:add_name("n\195\164me", "a line", {size = 1, permissions = 420, type = "file"}))
    assert(job:add_name("\255", nil, {permissions = 16877}))
    assert(job:answer_names())
end

function jobs.statvfs(job) assert(job:answer_numbers {bsize = 4096, namemax = 255, fsid = "18446744073709551614"}) end

function jobs.users_groups(job)
    equal(table.concat(job:ids(false), " ") .. "/" .. table.concat(job:ids(true), " "), "0 4294967295/5")
    for _, name in ipairs {"root", "", "tty"} do
        assert(job:add_name(name))
    end
    assert(job:answer_names())
end

function jobs.extended(job)
    assert(job:path() == "vendor@example.org" and job:data() == "ask")
    assert(job:answer_data "told")
end

function jobs.posix_rename(job)
    assert(job:path(1) == "/a" and job:path(2) == "/b")
    assert(job:answer_status "ok")
end

function jobs.realpath(job) assert(job:answer_name "/from/root") end

local function files(job)
    local work = jobs[job.operation]
    if work then
        work(job)
    else
        assert(job:answer_status("permission_denied", "not here"))
    end
end

local READ_WRITE, MODE = {"read", "write"}, {permissions = 384}

local function opened(client, server)
    local function take(request) return request:handle() end
    return assert(ask_by(client, server)(take, "open", "/a", READ_WRITE, MODE))
end

-- Answers ------------------------------------------------------------------------------------------------------------

for _, step in ipairs {false, 1, 7, 100} do
    test("every kind of answer arrives, in steps of " .. tostring(step), function()
        reset()
        local client, server = ends(files, step or nil)
        local ask = ask_by(client, server, step or nil)
        local function name(request) return request:name() end
        local handle = assert(ask(function(request) return request:handle() end, "open", "/a", READ_WRITE, MODE))
        equal(ask(function(request) return request:data() end, "read", handle, 256, 5), "\0\1\2\3\4")
        equal(ask(nil, "write", handle, 1, "new"), true)
        equal(content:sub(1, 5), "\0new\4")
        local attrs = ask(function(request) return request:attrs() end, "fstat", handle)
        equal(attrs.size, 102400)
        equal(attrs.mtime, 5)
        equal(attrs.atime, 0)
        equal(attrs.permissions, nil)
        local numbers = ask(function(request) return request:numbers() end, "statvfs", "/")
        equal(numbers.namemax, 255)
        equal(tostring(numbers.fsid), "18446744073709551614")
        equal(ask(name, "realpath", "."), "/from/root")
        equal(ask(nil, "posix_rename", "/a", "/b"), true)
        equal(ask(function(request) return request:data() end, "extended", "vendor@example.org", "ask"), "told")
        local function names(request) return request:names() end
        local found = ask(names, "users_groups", {0, 4294967295}, {5})
        equal(found[1].name .. "," .. found[2].name .. "," .. found[3].name, "root,,tty")
        local directory = ask(function(request) return request:handle() end, "opendir", "/")
        found = ask(names, "readdir", directory)
        equal(#found, 2)
        equal(found[1].name .. found[1].longname .. found[1].type .. found[1].size, "n\195\164mea linefile1")
        equal(found[2].name .. found[2].longname .. found[2].type, "\255\255directory")
        equal(found[2].permissions % 4096, 493)
        local none, words, code, status = ask(nil, "remove", "/a")
        fails(sessile.ERR_REFUSED, none, words, code)
        equal(words .. status, "not herepermission_denied")
    end)
end

test("what the server can is known", function()
    reset()
    local client, server = ends(files)
    equal(client:supports "statvfs", true)
    equal(client:supports "fsync", false)
    equal(client:extensions()["vendor@example.org"], "1")
    assert(client:limit "read" >= 32768)
    raises(client.supports, client, "fly")
    local handle = opened(client, server)
    fails(sessile.ERR_UNSUPPORTED, assert(sessile.SFTPRequest:new(client)):fsync(handle))
    fails(sessile.ERR_MISUSE, sessile.SFTPRequest:new(server))
    fails(sessile.ERR_MISUSE, sessile.SFTPTransfer:new(server))
end)

test("a request can be submitted again, and says what it was", function()
    reset()
    local client, server = ends(files)
    local request, count = assert(sessile.SFTPRequest:new(client)), 0
    function request:on_reply()
        count = count + 1
        equal(self:operation(), "realpath")
        if count < 3 then
            assert(self:realpath ".")
        end
    end
    assert(request:realpath ".")
    fails(sessile.ERR_MISUSE, request:realpath ".")
    carry(client, server)
    equal(count, 3)
    fails(sessile.ERR_MISUSE, request:name())
end)

test("a path that cannot be is an error", function()
    reset()
    local client = ends(files)
    local request = assert(sessile.SFTPRequest:new(client))
    fails(sessile.ERR_ARGUMENT, request:stat("a\0b"))
    fails(sessile.ERR_ARGUMENT, request:stat(("x"):rep(4097)))
    raises(request.stat, request, nil)
    raises(request.open, request, "a", {"nonsense"})
    raises(request.setstat, request, "a", {type = "nonsense"})
    fails(sessile.ERR_ARGUMENT, request:setstat("a", {uid = 2 ^ 32}))
end)

-- Whole files --------------------------------------------------------------------------------------------------------

for _, step in ipairs {false, 1000} do
    test("whole files go both ways, in steps of " .. tostring(step), function()
        reset()
        local client, server = ends(files)
        local handle = opened(client, server)
        local got, size, ended, moved = {}, 0, 0, 0
        local transfer = assert(sessile.SFTPTransfer:new(client, {on_sink = function(_, offset, data)
            equal(offset, size)
            got[#got + 1], size = data, size + #data
        end}))
        function transfer:on_done()
            equal(self:result(), true)
            ended = ended + 1
        end
        function transfer:on_progress() moved = self:position() end
        assert(transfer:set_window(65536))
        assert(transfer:set_expected(#content))
        assert(transfer:get(handle))
        carry(client, server, step or nil)
        equal(table.concat(got) == content, true)
        equal(ended, 1)
        equal(moved, #content)
        local wanted = content:reverse():rep(3)
        function transfer:on_source(offset, room) return wanted:sub(offset + 1, offset + room) end
        assert(transfer:put(handle))
        carry(client, server, step or nil)
        equal(content == wanted, true)
        equal(ended, 2)
    end)
end

test("a sink that pauses is given nothing until it resumes", function()
    reset()
    local client, server = ends(files)
    local calls, size = 0, 0
    local transfer = assert(sessile.SFTPTransfer:new(client, {on_sink = function(_, _, data)
        calls, size = calls + 1, size + #data
        return true
    end}))
    assert(transfer:get(opened(client, server)))
    carry(client, server)
    assert(size < #content)
    while size < #content do
        local before = calls
        carry(client, server)
        equal(calls, before)
        assert(transfer:resume())
    end
    carry(client, server)
    equal(transfer:result(), true)
    equal(size, #content)
end)

test("a source that has nothing yet is asked again, and too much is an error", function()
    reset()
    local client, server = ends(files)
    local ready
    local transfer = assert(sessile.SFTPTransfer:new(client, {on_source = function(_, offset)
        return ready and (offset < 3 and "end" or "") or nil
    end}))
    local handle = opened(client, server)
    assert(transfer:put(handle))
    carry(client, server)
    equal(content:sub(1, 3), "\0\1\2")
    ready = true
    assert(transfer:resume())
    carry(client, server)
    equal(content:sub(1, 3), "end")
    equal(transfer:result(), true)
    function transfer:on_source(_, room) return ("x"):rep(room + 1) end
    assert(raises(function()
        transfer:put(handle)
        carry(client, server)
    end):find("were asked for", 1, true))
    fails(sessile.ERR_CALLBACK, transfer:result())
    function transfer:on_source() return 5 end
    assert(raises(function()
        transfer:put(handle)
        carry(client, server)
    end):find("neither a string nor nil", 1, true))
end)

test("a hole is not written, and a transfer can be stopped", function()
    reset()
    local client, server = ends(files)
    local handle = opened(client, server)
    local transfer = assert(sessile.SFTPTransfer:new(client, {on_source = function(self, offset)
        if offset == 0 then
            assert(self:skip(100))
            return "data"
        end
        return ""
    end}))
    fails(sessile.ERR_MISUSE, transfer:skip(1))
    assert(transfer:put(handle))
    carry(client, server)
    equal(transfer:result(), true)
    equal(content:sub(100, 105), "\099data\104")
    function transfer:on_source() return nil end
    assert(transfer:put(handle))
    assert(transfer:stop())
    fails(sessile.ERR_ABORTED, transfer:result())
    transfer.on_source = nil
    raises(transfer.put, transfer, handle)
end)

-- Jobs ---------------------------------------------------------------------------------------------------------------

test("a job that nobody keeps is a failure, and one that is kept waits", function()
    local held
    local keep = true
    local client, server = ends(function(job) held = keep and assert(job:keep()) or job end)
    local answers = {}
    local request = assert(sessile.SFTPRequest:new(client, function(self)
        answers[#answers + 1] = self:result() and "ok" or select(4, self:result())
    end))
    assert(request:remove "x")
    carry(client, server)
    equal(#answers, 0)
    equal(held:path(), "x")
    assert(held:answer_status "ok")
    carry(client, server)
    equal(answers[1], "ok")
    fails(sessile.ERR_GONE, held:answer_status "ok")
    keep = false
    assert(request:remove "y")
    carry(client, server)
    equal(answers[2], "failure")
    fails(sessile.ERR_GONE, held:path())
    fails(sessile.ERR_GONE, held:keep())
    keep = true
    assert(request:remove "z")
    carry(client, server)
    held = nil
    collectgarbage()
    carry(client, server)
    equal(answers[3], "failure")
end)

test("a job takes one answer of its kind", function()
    local done
    local client, server = ends(function(job)
        fails(sessile.ERR_MISUSE, job:answer_data "x")
        fails(sessile.ERR_MISUSE, job:answer_handle(1))
        fails(sessile.ERR_MISUSE, job:answer_names())
        raises(job.answer_status, job, "nonsense")
        raises(job.answer_numbers, job, {nonsense = 1})
        assert(job:answer_status "ok")
        fails(sessile.ERR_GONE, job:answer_status "ok")
        done = true
    end)
    equal(ask_by(client, server)(nil, "remove", "x"), true)
    equal(done, true)
end)

test("jobs that are of no interest any more are withdrawn, and files released", function()
    local held, withdrawn, released
    local client, server = ends(function(job)
        if job.operation == "open" then
            assert(job:answer_handle(41))
        else
            held = assert(job:keep())
        end
    end, nil, {
        on_withdrawn = function(_, job) withdrawn = job end, on_release = function(_, file) released = file end,
    })
    assert(ask_by(client, server)(nil, "open", "x", {"read"}))
    local request = assert(sessile.SFTPRequest:new(client))
    assert(request:remove "x")
    carry(client, server)
    assert(server:finish())
    equal(withdrawn, held)
    equal(released, 41)
    fails(sessile.ERR_GONE, held:answer_status "ok")
    equal(server.over, true)
    equal(server.message, nil)
    assert(client:receive_end())
    fails(sessile.ERR_TRUNCATED, request:result())
    equal(client.code, sessile.ERR_TRUNCATED)
end)

test("a forged handle is refused before anybody hears of it", function()
    local client, server = ends(function() error("a job") end)
    fails(sessile.ERR_REFUSED, ask_by(client, server)(nil, "read", ("\0"):rep(12), 0, 1))
end)

test("a server that only reads refuses changes", function()
    local client, server = make("client"), make("server", {on_job = function() error("a job") end})
    assert(server:set_read_only(true))
    assert(server:set_limits(2, 3))
    assert(server:start())
    assert(client:start())
    carry(client, server)
    local _, _, _, status = ask_by(client, server)(nil, "mkdir", "x")
    equal(status, "permission_denied")
    fails(sessile.ERR_MISUSE, server:set_limits(2, 3))
end)

-- What goes wrong ----------------------------------------------------------------------------------------------------

test("what a callback raises comes out of the call as it is", function()
    reset()
    local client, server = ends(files)
    local mine = {}
    local request = assert(sessile.SFTPRequest:new(client, function() error(mine) end))
    assert(request:realpath ".")
    equal(raises(carry, client, server), mine)
    equal(select(2, client:error()), sessile.ERR_CALLBACK)
    equal(client.over, true)
    client, server = ends(function() error(mine) end)
    equal(raises(ask_by(client, server), nil, "remove", "x"), mine)
    equal(server.code, sessile.ERR_CALLBACK)
end)

test("a wire that takes little gets the rest later, and one that says no fails the end", function()
    reset()
    local client, server = ends(files)
    client.most = 3
    local told
    local request = assert(sessile.SFTPRequest:new(client, function(self) told = self:name() end))
    assert(request:realpath ".")
    equal(#client.queue, 3)
    for _ = 1, 100 do
        assert(client:writable())
        carry(client, server)
    end
    equal(told, "/from/root")
    function client:on_send() return nil, "broken" end
    request:realpath "."
    equal(client.code, sessile.ERR_COMM)
    client = make("client", {on_send = function(_, data) return #data + 1 end})
    assert(raises(client.start, client):find("on_send took", 1, true))
    raises(function() assert(sessile.SFTP:new("client")):start() end)
    raises(sessile.SFTP.new, sessile.SFTP, "somebody")
end)

test("what is no SFTP fails with a text", function()
    local client = make("client")
    assert(client:start())
    client:receive("HTTP/1.1 400 Bad Request\r\n")
    fails(sessile.ERR_PROTOCOL, client:receive("x"))
    local text, code = client:error()
    assert(#text > 10)
    equal(code, sessile.ERR_PROTOCOL)
    equal(client.message, text)
end)

test("a freed end leaves nothing behind, and a freed request gets no callback", function()
    reset()
    local client, server = ends(files)
    local request = assert(sessile.SFTPRequest:new(client, function() error("a reply") end))
    assert(request:realpath ".")
    request:free()
    carry(client, server)
    request = assert(sessile.SFTPRequest:new(client))
    assert(request:realpath ".")
    client:free()
    fails(sessile.ERR_GONE, request:realpath ".")
    fails(sessile.ERR_GONE, client:room())
    fails(sessile.ERR_GONE, client:extensions())
    equal(client:error(), nil)
    local seen = setmetatable({client, server, request}, {__mode = "v"})
    client, server, request = nil, nil, nil
    collectgarbage()
    collectgarbage()
    equal(next(seen), nil)
end)

test("an end may be freed inside its own callbacks", function()
    reset()
    local client, server = ends(files)
    local request
    request = assert(sessile.SFTPRequest:new(client, function(self)
        self:free()
        client:free()
    end))
    assert(request:realpath ".")
    pcall(carry, client, server)
    equal(client:freed() and request:freed(), true)
    local transfer
    client, server = ends(files)
    transfer = assert(sessile.SFTPTransfer:new(client, {on_sink = function(self) self:free() end}))
    assert(transfer:get(opened(client, server)))
    carry(client, server)
    equal(transfer:freed(), true)
    server:free()
    equal(server:freed(), true)
end)

-- Over a stream ------------------------------------------------------------------------------------------------------

test("a conversation over a channel goes on while nobody holds it, and ends with it", function()
    reset()
    local closed = 0
    local client, server = h.ssh_pair()
    local channel = h.collect(assert(client.ssh:open_session()))
    h.pump(client, server)
    assert(channel:request_subsystem "sftp")
    h.pump(client, server)
    equal(channel.events[2], true)
    local far = server.channels[1]
    local serving = assert(sessile.SFTP:new("server", {
        on_job = function(_, job) files(job) end,
        on_closed = function(self, message)
            equal(message, nil)
            closed = closed + 1
        end,
    }))
    assert(serving:attach(far))
    local sftp = assert(sessile.SFTP:new("client", {on_closed = function() closed = closed + 1 end}))
    assert(sftp:attach(channel))
    fails(sessile.ERR_MISUSE, sftp:attach(channel))
    local told
    h.pump(client, server)
    local request = assert(sessile.SFTPRequest:new(sftp, function(self) told = self:name() end))
    assert(request:realpath ".")
    serving, far, server.channels = nil, nil, {}
    collectgarbage()
    collectgarbage()
    h.pump(client, server)
    equal(told, "/from/root")
    assert(sftp:finish())
    h.pump(client, server)
    equal(closed, 2)
    equal(#client:streams() + #server:streams(), 0)
    raises(sftp.attach, sftp, {})
    equal(core.kind(sftp._handle), "sftp")
end)

h.run()
