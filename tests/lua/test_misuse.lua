-- SPDX-License-Identifier: Apache-2.0
--
-- Whatever a program does wrong is an error, and never a crash.

local sessile = require "sessile"
local core = require "sessile.core"
local h = require "harness"
local test, equal, fails, raises = h.test, h.equal, h.fails, h.raises

local RUBBISH = {
    true, false, -1, 0, 1.5, 2 ^ 70, 0 / 0, math.huge, "", "text\0", ("\255"):rep(300), {}, print, io.stdout,
    coroutine.create(function() end), setmetatable({}, {__index = function() error("index") end}),
}
RUBBISH[#RUBBISH + 2] = "behind a nil"

local SLOW = {key_generate = true, key_read = true, key_write = true}

local function functions()
    local found = {}
    for name, value in pairs(core) do
        if type(value) == "function" and not SLOW[name] then
            found[#found + 1] = name
        end
    end
    table.sort(found)
    return found
end

-- Two ends of SFTP, one of which has a job, and what a client makes.
local function sftp_owners()
    local ends, job = {}, nil
    for index, role in ipairs {"client", "server"} do
        ends[index] = assert(sessile.SFTP:new(role, {queue = "", on_job = function(_, which) job = which:keep() end}))
    end
    local client, server = ends[1], ends[2]
    local request = assert(sessile.SFTPRequest:new(client))
    function client:on_ready() request:stat("x") end
    function client:on_send(data) server.queue = server.queue .. data end
    function server:on_send(data) client.queue = client.queue .. data end
    assert(client:start() and server:start())
    for _ = 1, 3 do
        for _, each in ipairs(ends) do
            local data = each.queue
            each.queue = ""
            assert(each:receive(data))
        end
    end
    return client, server, request, assert(sessile.SFTPTransfer:new(client)), assert(job)
end

-- One or more of every kind, in all states, and what keeps them alive.
local function handles()
    local client, server, mine = h.tls_pair()
    local one, other = h.ssh_pair()
    local channel = one.ssh:open_session()
    h.pump(one, other)
    local asking, held = h.make(), nil
    function asking:on_question(question) held = assert(question:keep()) end
    h.ssh_pair {client = asking, config = sessile.SSHConfig.client()}
    local over, freed = h.make(), h.make()
    over:abort()
    freed:free()
    -- One of its own: what is freed here would be missed by the other tests.
    local key = assert(sessile.Key.generate())
    local keys = sessile.AuthorizedKeys.read(key:write_public())
    local owners = {
        client, server, mine, one, other, channel, asking, held, over, freed, h.make(), key, keys,
        sessile.KnownHosts.read(""), sessile.Principals.read(""), sessile.KRL.read(key:write_public()),
        sessile.TLSConfig.client(), sessile.SSHConfig.client(), sessile.TicketKeys.new(), keys:match(key, "a"),
        sftp_owners(),
    }
    local pool = {core.callbacks_new(), core.sftp_attrs_new(), client._slot}
    for _, owner in ipairs(owners) do
        pool[#pool + 1] = owner._handle
    end
    return owners, pool
end

test("any function takes anything", function()
    math.randomseed(tonumber(os.getenv("SESSILE_SEED") or 7))
    local names, owners, pool = functions(), handles()
    for _ = 1, 20000 do
        local name = names[math.random(#names)]
        if name ~= "on_lost" and (name ~= "free" or math.random() < 0.1) then
            local arguments, count = {}, math.random(0, 6)
            for index = 1, count do
                local from = math.random() < 0.7 and pool or RUBBISH
                arguments[index] = from[math.random(table.maxn and table.maxn(from) or #from)]
            end
            local well, made = pcall(core[name], (unpack or table.unpack)(arguments, 1, count))
            if well and type(made) == "userdata" and #pool < 200 then
                pool[#pool + 1] = made
            end
        end
    end
    assert(owners)
end)

test("every function refuses what it cannot use", function()
    for _, name in ipairs(functions()) do
        for _, value in pairs(RUBBISH) do
            if name ~= "on_lost" then
                pcall(core[name], value)
                pcall(core[name], value, value)
                pcall(core[name], value, value, value)
            end
        end
    end
end)

test("methods called on what they are not for raise", function()
    local key = h.key("a")
    raises(key.sign, {}, "x")
    raises(key.sign, nil, "x")
    raises(key.sign, key, nil)
    raises(key.sign, key, 42)
    raises(core.key_sign, key._handle, 1, "x")
    raises(sessile.Session.receive, {_handle = key._handle}, "x")
    raises(sessile.Session.new, sessile.Session, {})
    raises(core.key_type, io.stdout)
    raises(core.key_type, (newproxy and newproxy()) or io.stderr)
    raises(core.free, io.stdout)
    raises(core.keep, key._handle)
    raises(core.slot, 1)
    raises(core.on_lost, 1)
    assert(tostring(raises(core.key_type, core.callbacks_new())):find("handle of a key expected"))
end)

test("a handle's metatable is out of reach", function()
    local handle = core.callbacks_new()
    equal(type(getmetatable(handle)), "string")
    raises(setmetatable, handle, {})
    if debug then
        local meta = debug.getmetatable(handle)
        meta.__gc(handle)
        meta.__gc(handle)
        meta.__gc(io.stdout)
        meta.__gc({})
        equal(core.freed(handle), true)
        assert(meta.__tostring({}) and tostring(handle):find("freed"))
    end
end)

test("what is freed is gone, however often it is freed", function()
    local client, server, mine = h.tls_pair()
    local tls = client.tls
    client:free()
    client:free()
    equal(client:freed(), true)
    fails(sessile.ERR_GONE, client:receive("x"))
    fails(sessile.ERR_GONE, client:want())
    fails(sessile.ERR_GONE, client:finish())
    fails(sessile.ERR_GONE, tls:version())
    fails(sessile.ERR_GONE, tls:peer_certificates())
    fails(sessile.ERR_GONE, mine:write("x"))
    mine:free()
    fails(sessile.ERR_GONE, mine:write("x"))
    local key = assert(sessile.Key.generate())
    key:free()
    fails(sessile.ERR_GONE, key:type())
    fails(sessile.ERR_GONE, key:certificate())
    equal(tostring(key), "sessile.Key: freed")
    fails(sessile.ERR_GONE, sessile.SSHConfig.client():add_user_key(key))
    equal(client:error(), nil)
    assert(server)
end)

test("everything may be freed inside every callback", function()
    for _, what in ipairs {"session", "stream", "other", "all"} do
        for _, when in ipairs {"on_data", "on_send", "on_closed", "on_writable", "on_end"} do
            local client, server, mine, theirs = h.tls_pair()
            local function free()
                if what == "session" or what == "all" then server:free() end
                if what == "stream" or what == "all" then theirs:free() end
                if what == "other" or what == "all" then client:free() end
                pcall(theirs.write, theirs, "x")
                pcall(server.receive, server, "x")
                collectgarbage()
            end
            if when == "on_send" then server.on_send = free else theirs[when] = free end
            mine:write("x")
            mine:finish()
            pcall(server.receive, server, server.queue)
            pcall(theirs.write, theirs, "y")
            pcall(server.hold, server, true)
            pcall(theirs.write, theirs, "y")
            pcall(server.hold, server, false)
            pcall(server.abort, server)
        end
    end
end)

test("a config is freed in its own callback", function()
    local encrypted = h.read_file(os.getenv("SESSILE_TEST_IDENTITY") .. "/encrypted.key")
    local config = assert(sessile.TLSConfig.server {certificate = h.identity().certificate})
    config:set_passphrase(function()
        config:free()
        collectgarbage()
        return "secret"
    end)
    pcall(config.set_key, config, encrypted)
    fails(sessile.ERR_GONE, config:check())
end)

test("protocols are chosen once, and in order", function()
    local session = h.link()
    equal(session:receive("anything"), 0)
    equal(session.tls, nil)
    local config = sessile.TLSConfig.client():add_psk("me", ("k"):rep(32))
    assert(session:tls_connect(config, "server.test"))
    fails(sessile.ERR_MISUSE, session:tls_connect(config, "server.test"))
    fails(sessile.ERR_MISUSE, session:ssh_accept(sessile.SSHConfig.server {host_keys = {h.key("host")}}))
    raises(session.tls_connect, session, sessile.SSHConfig.client(), "x")
    raises(session.tls_connect, session, nil)
end)

test("the end before a protocol is told", function()
    local session = h.link()
    session:abort()
    equal(session.code, sessile.ERR_ABORTED)
    equal(session.over, true)
    local gone = h.link()
    gone:wire_closed()
    equal(gone.over, true)
end)

-- Coroutines ---------------------------------------------------------------------------------------------------------

test("callbacks run on the coroutine that calls", function()
    local client, server, mine, theirs = h.tls_pair()
    local seen
    function theirs:on_data() seen = coroutine.running() end
    mine:write("x")
    local thread = coroutine.create(function() server:take() end)
    assert(coroutine.resume(thread))
    equal(seen, thread)
    assert(client)
end)

test("a yield in a callback is refused cleanly", function()
    local client, server, mine, theirs = h.tls_pair()
    function theirs:on_data() coroutine.yield("no") end
    mine:write("x")
    local thread = coroutine.create(function() server:receive(server.queue) end)
    local well, problem = coroutine.resume(thread)
    equal(well, false)
    assert(tostring(problem):find("yield"), problem)
    equal(coroutine.status(thread), "dead")
    equal(select(2, server:error()), sessile.ERR_CALLBACK)
    equal(mine:write("y"), 1)
    assert(client)
end)

test("a coroutine that dies leaves its session to others", function()
    local client, server, mine, theirs = h.tls_pair()
    local thread = coroutine.create(function()
        function theirs:on_data(data) self.data = self.data .. data end
        server:want()
        error("dead")
    end)
    equal(coroutine.resume(thread), false)
    thread = nil
    collectgarbage()
    collectgarbage()
    mine:write("x")
    h.pump(client, server)
    equal(theirs.data, "x")
end)

test("a coroutine that is never resumed is collected with its session", function()
    local weak = setmetatable({}, {__mode = "k"})
    do
        local thread = coroutine.create(function()
            local client, server = h.tls_pair()
            weak[client], weak[server] = true, true
            coroutine.yield()
            return client, server
        end)
        assert(coroutine.resume(thread))
    end
    collectgarbage()
    collectgarbage()
    equal(next(weak), nil)
end)

test("a callback resumes another coroutine, which uses the same session", function()
    local client, server, mine, theirs = h.tls_pair()
    local got = {}
    local reader = coroutine.wrap(function()
        while true do
            local data = coroutine.yield()
            got[#got + 1] = data
            theirs:write("re:" .. data)
            server:want()
            equal(server:receive("more"), 0)
        end
    end)
    reader()
    function theirs:on_data(data) reader(data) end
    mine:write("one")
    h.pump(client, server)
    mine:write("two")
    h.pump(client, server)
    equal(table.concat(got, " "), "one two")
    equal(mine.data, "re:onere:two")
end)

test("a callback resumes a coroutine whose own callback raises", function()
    local client, server, mine, theirs = h.tls_pair()
    local other = h.tls_pair()
    local value = {}
    other.on_closed = function() error(value) end
    function theirs:on_data()
        local thread = coroutine.create(function() other:abort() end)
        equal(coroutine.resume(thread), true)
        thread = nil
        collectgarbage()
    end
    mine:write("x")
    local well, found = pcall(server.receive, server, server.queue)
    assert(not well and found == value)
    assert(client)
end)

test("recursion that never ends is an error", function()
    sessile.on_lost(function() end)
    local depth = 0
    local function deeper()
        depth = depth + 1
        local session = h.link()
        session.on_close = deeper
        session:abort()
    end
    local problem = raises(deeper)
    assert(tostring(problem):find("overflow"), tostring(problem))
    assert(depth > 10 and depth < 300, depth)
    sessile.on_lost(nil)
    local client, server, mine, theirs = h.tls_pair()
    mine:write("x")
    h.pump(client, server)
    equal(theirs.data, "x")
end)

-- The collector ------------------------------------------------------------------------------------------------------

test("the collector runs in every callback", function()
    local client, server = h.ssh_pair()
    for _, each in ipairs {client, server} do
        local on_send = each.on_send
        each.on_send = function(self, data)
            collectgarbage()
            on_send(self, data)
        end
    end
    local mine = h.collect(assert(client.ssh:open_session()))
    function mine:on_event() collectgarbage() end
    h.pump(client, server)
    mine:request_exec("x")
    h.pump(client, server)
    server.channels[1].on_data = function(self, data)
        collectgarbage()
        self:write(data)
    end
    mine:write("x")
    h.pump(client, server)
    equal(mine.data, "x")
end)

test("sessions, streams and questions are collected, in cycles too", function()
    local weak = setmetatable({}, {__mode = "k"})
    local function make()
        local client, server, mine, theirs = h.tls_pair()
        client.itself, theirs.on_data, server.friend = client, function() return client, mine end, client
        local one, other = h.ssh_pair()
        local channel = one.ssh:open_session()
        h.pump(one, other)
        for _, each in ipairs {client, server, mine, theirs, one, other, channel} do
            weak[each] = true
        end
    end
    for _ = 1, 5 do
        make()
    end
    collectgarbage()
    collectgarbage()
    equal(next(weak), nil)
end)

test("a session whose owner is collected sends nothing, and one whose peer is collected goes on", function()
    local one, other = assert(sessile.pair())
    local closed = {}
    other.on_closed = function(_, message, code) closed[1] = message or code or true end
    local config = sessile.TLSConfig.server():add_psk("me", ("k"):rep(32))
    assert(other:tls_accept(config))
    one = nil
    collectgarbage()
    collectgarbage()
    assert(closed[1], "the other end was not told")
    assert(not one)
end)

test("what a callback raises inside the collector is told as lost", function()
    local one, other = assert(sessile.pair())
    local lost = {}
    sessile.on_lost(function(value) lost[#lost + 1] = value end)
    local value = {}
    other.on_closed = function() error(value) end
    assert(other:tls_accept(sessile.TLSConfig.server():add_psk("me", ("k"):rep(32))))
    one = nil
    collectgarbage()
    collectgarbage()
    sessile.on_lost(nil)
    assert(lost[1] == value and not one)
end)

test("a slot whose owner is gone is nobody", function()
    local session
    do
        local owner = {on_send = function() error("called") end}
        session = assert(core.session_create(core.slot(owner)))
    end
    collectgarbage()
    collectgarbage()
    local config = sessile.TLSConfig.client():add_psk("me", ("k"):rep(32))
    local begun = core.tls_connect(session, config._handle, "x", nil, nil)
    assert(begun == nil or core.session_error(session) == core.ERR_COMM)
    equal(core.session_error(session), core.ERR_COMM)
    local unknown = assert(core.session_create(123456789))
    core.tls_connect(unknown, config._handle, "x", nil, nil)
    equal(core.session_error(unknown), core.ERR_COMM)
end)

test("loading the module twice is one module", function()
    local before = core.callbacks_new()
    package.loaded["sessile.core"] = nil
    local again = require "sessile.core"
    equal(again.freed(before), false)
    again.free(before)
    equal(core.freed(before), true)
    package.loaded["sessile.core"] = core
end)

if _VERSION == "Lua 5.4" then
    test("a variable that is to be closed frees what it holds", function()
        local key
        load([[local sessile, set = ...; local key <close> = sessile.Key.generate(); set(key)]])(sessile,
            function(made) key = made end)
        equal(key:freed(), true)
    end)
end

h.run()
