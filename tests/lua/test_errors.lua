-- SPDX-License-Identifier: Apache-2.0
--
-- What callbacks raise: values of any type, out of the outermost call, and which session has failed then.

local sessile = require "sessile"
local core = require "sessile.core"
local h = require "harness"
local test, equal, fails = h.test, h.equal, h.fails

-- Values that pcall gives back: nil and false are errors too.
local VALUES = {
    {value = {}}, {value = "text"}, {value = 42}, {value = false}, {value = true}, {value = print},
    {value = coroutine.create(function() end)}, {value = io.stdout}, {value = nil},
}

local function is(value)
    return function(well, found, ...)
        equal(well, false)
        assert(rawequal(found, value), "another value came out")
        equal(select("#", ...), 0)
    end
end

test("a value of any type comes out of receive as it is", function()
    for _, each in ipairs(VALUES) do
        local client, server, mine, theirs = h.tls_pair()
        function theirs:on_data() error(each.value, 0) end
        mine:write("x")
        is(each.value)(pcall(server.receive, server, server.queue))
        equal(select(2, server:error()), sessile.ERR_CALLBACK)
        equal(server.code, sessile.ERR_CALLBACK)
        equal(client:error(), nil)
        fails(sessile.ERR_CALLBACK, server:receive("x"))
    end
end)

-- Each callback raises once, in a call that leads to it.
local LEADS = {
    on_send = function(client, mark)
        client.on_send = mark
        return client.tls.key_update, client.tls
    end,
    on_close = function(client, mark)
        client.on_close = mark
        return client.abort, client
    end,
    on_closed = function(client, mark)
        client.on_closed = mark
        return client.abort, client
    end,
    on_resume = function(client, mark)
        client:pause(true)
        client:receive("\23\3\3\0\1")
        client.on_resume = mark
        return client.pause, client, false
    end,
    stream_on_closed = function(client, mark)
        client:stream().on_closed = mark
        return client.abort, client
    end,
    on_writable = function(client, mark)
        client:hold(true)
        client:stream():write("x")
        client:stream().on_writable = mark
        return client.hold, client, false
    end,
    on_trace = function(client, mark)
        client:set_trace(mark)
        return client.tls.key_update, client.tls
    end,
}

for name, lead in pairs(LEADS) do
    test("what is raised comes out of the call that led to " .. name, function()
        local client = h.tls_pair()
        local value = {}
        is(value)(pcall(lead(client, function() error(value) end)))
    end)
end

test("what on_ready, on_question, on_notice and on_stream raise comes out as well", function()
    for _, name in ipairs {"on_ready", "on_notice", "on_question", "on_stream"} do
        local value = {}
        local server = h.server()
        server[name] = function() error(value) end
        local client = h.make()
        client, server = h.link(client, server)
        local config = sessile.SSHConfig.server {host_keys = {h.key("host")}}
        assert(server:ssh_accept(config))
        local user = assert(sessile.SSHConfig.client {keys = {h.key("user")}}):insecure_any_host_key(true)
        assert(client:ssh_connect(user, "server.test", "alice"))
        local well, found = pcall(function()
            h.pump(client, server)
            client.ssh:send_debug("text", true)
            client.ssh:keepalive()
            client.ssh:open_session()
            h.pump(client, server)
        end)
        assert(not well and found == value, name)
        equal(select(2, server:error()), sessile.ERR_CALLBACK)
    end
end)

test("the outermost call raises, the inner one returns", function()
    local client, server, mine, theirs = h.tls_pair()
    local value, inner = {}, nil
    function theirs:on_data() error(value) end
    client.on_send = function(_, data) inner = {pcall(server.receive, server, data)} end
    is(value)(pcall(mine.write, mine, "x"))
    equal(inner[1], true)
    equal(client:error(), nil)
    equal(select(2, server:error()), sessile.ERR_CALLBACK)
end)

test("a receive that raised what another session's callback raised tells how much it took", function()
    local client, server, mine, theirs = h.tls_pair()
    local other = h.tls_pair()
    function theirs:on_data()
        other.on_closed = function() error("elsewhere", 0) end
        other:abort()
    end
    mine:write("x")
    local offered = #server.queue
    equal(h.raises(server.receive, server, server.queue), "elsewhere")
    equal(server:taken(), offered)
    equal(server:error(), nil)
    assert(client)
end)

test("of two errors the first comes out, and the other is told as lost", function()
    local client = h.tls_pair()
    local first, second, lost = {}, {}, {}
    sessile.on_lost(function(value) lost[#lost + 1] = value end)
    client:stream().on_closed = function() error(first) end
    client.on_closed = function() error(second) end
    is(first)(pcall(client.abort, client))
    equal(#lost, 1)
    equal(lost[1], second)
    sessile.on_lost(function() error("again") end)
    client = h.tls_pair()
    client:stream().on_closed = function() error(first) end
    client.on_closed = function() error(second) end
    is(first)(pcall(client.abort, client))
    sessile.on_lost(nil)
end)

test("what waits is gone once it has come out", function()
    local client, server, mine, theirs = h.tls_pair()
    function theirs:on_data() error("once", 0) end
    mine:write("x")
    equal(h.raises(server.receive, server, server.queue), "once")
    equal(client:want() ~= nil, true)
    equal(mine:write("y"), 1)
end)

test("on_send: what it returns says yes or no", function()
    local function send_with(on_send)
        local client, _, mine = h.tls_pair()
        client.on_send = on_send
        mine:write("x")
        return select(2, client:error())
    end
    equal(send_with(function() end), nil)
    equal(send_with(function() return nil end), nil)
    equal(send_with(function() return true end), nil)
    equal(send_with(function() return 0 end), nil)
    equal(send_with(function(_, data) return #data end), nil)
    equal(send_with(function() return "anything" end), nil)
    equal(send_with(function() return false end), sessile.ERR_COMM)
    equal(send_with(function() return false, "closed" end), sessile.ERR_COMM)
    equal(send_with(function() return nil, "closed" end), sessile.ERR_COMM)
    equal(send_with(function() return -1 end), sessile.ERR_COMM)
    local client, _, mine = h.tls_pair()
    function client:on_send() return 1 end
    assert(h.raises(mine.write, mine, "x"):find("has to take all"))
    equal(select(2, client:error()), sessile.ERR_COMM)
end)

test("data that nobody listens to is an error", function()
    local client, server, mine, theirs = h.tls_pair()
    theirs.on_data = nil
    mine:write("four")
    assert(h.raises(server.receive, server, server.queue):find("4 bytes"))
    assert(client)
end)

test("memory errors have their words, and codes their names", function()
    equal(sessile.error_name(sessile.ERR_GONE), "ERR_GONE")
    assert(#sessile.error_describe(sessile.ERR_GONE) > 0)
    equal(sessile.error_name(-1000), "ERR_UNKNOWN")
    equal(core.ERR_GONE, sessile.ERR_GONE)
end)

h.run()
