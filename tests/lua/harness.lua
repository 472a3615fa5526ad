-- SPDX-License-Identifier: Apache-2.0
--
-- What the tests are written with: named cases, and wires in memory: two ends with a queue each, carried by hand, so
-- that every test sees what is on its way.

local sessile = require "sessile"

local harness = {}
local cases = {}

---A case. Files return harness.run(), which raises at the end where one has failed.
function harness.test(name, body)
    cases[#cases + 1] = {name = name, body = body}
end

local function trace(value)
    return type(value) == "string" and debug and debug.traceback(value, 2) or value
end

function harness.run()
    local failed = 0
    for _, case in ipairs(cases) do
        local well, problem = xpcall(case.body, trace)
        if not well then
            failed = failed + 1
            print("FAILED " .. case.name .. "\n  " .. tostring(problem))
        end
        collectgarbage()
    end
    print(("%d cases, %d failed"):format(#cases, failed))
    if failed > 0 or #cases == 0 then
        error("tests failed", 0)
    end
end

function harness.equal(found, wanted)
    if found ~= wanted then
        error(("expected %s, found %s"):format(tostring(wanted), tostring(found)), 2)
    end
end

---Call, and return what it raises; fails where it does not.
function harness.raises(call, ...)
    local well, problem = pcall(call, ...)
    if well then
        error("it did not raise", 2)
    end
    return problem
end

---Check that a call has failed with that code: nil, a text, the code.
function harness.fails(code, result, text, found)
    if result ~= nil then
        error("it did not fail: " .. tostring(result), 2)
    end
    if found ~= code then
        local names = {sessile.error_name(code), sessile.error_name(found)}
        error(("expected %s, found %s: %s"):format(names[1], names[2], tostring(text)), 2)
    end
    if type(text) ~= "string" or text == "" then
        error("there is no text", 2)
    end
end

function harness.read_file(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

---The certificate and the key that run.sh has made, for server.test.
function harness.identity()
    local folder = assert(os.getenv("SESSILE_TEST_IDENTITY"), "SESSILE_TEST_IDENTITY is not set")
    return {certificate = harness.read_file(folder .. "/server.crt"), key = harness.read_file(folder .. "/server.key")}
end

-- Wires --------------------------------------------------------------------------------------------------------------

---One end: what it sends goes to the other's queue; what it does not take stays in its own.
local End = sessile.Session:extend()
harness.End = End

function End:on_send(data)
    self.peer.queue = self.peer.queue .. data
end

function End:on_close() self.closed = true end

function End:on_resume() self.wants_more = true end

function End:on_ready() self.log[#self.log + 1] = "ready" end

function End:on_closed(message, code)
    self.message, self.code = message, code
    self.log[#self.log + 1] = "closed"
end

---Offer what is queued; whether anything came of it.
function End:take()
    self.wants_more = false
    if self.queue == "" then
        return false
    end
    local offered = #self.queue
    local taken = self:receive(self.queue)
    if not taken then
        self.queue = ""
        return false
    end
    self.queue = self.queue:sub(taken + 1)
    return taken > 0 and offered > 0
end

function harness.make(fields)
    fields = fields or {}
    fields.queue, fields.log = "", {}
    return assert(End:new(fields))
end

---Two ends whose wires are each other.
function harness.link(one, other)
    one, other = one or harness.make(), other or harness.make()
    one.peer, other.peer = other, one
    return one, other
end

---Carry bytes until nothing moves any more.
function harness.pump(one, other)
    local moving
    repeat
        moving = one:take()
        moving = other:take() or moving
    until not moving
end

---What a stream brings, in its own fields: data, stderr, events.
function harness.collect(stream)
    rawset(stream, "data", "")
    rawset(stream, "stderr", "")
    rawset(stream, "events", {})
    local events = stream.events
    function stream:on_data(data) self.data = self.data .. data end
    function stream:on_closed(message, code, reason)
        events[#events + 1] = "closed"
        self.message, self.code, self.reason = message, code, reason
    end
    if getmetatable(stream) == sessile.Channel then
        stream.on_stderr = function(self, data) self.stderr = self.stderr .. data end
        stream.on_open = function() events[#events + 1] = "open" end
        function stream:on_reply(accepted) events[#events + 1] = accepted end
        function stream:on_event(event) events[#events + 1] = event end
    end
    return stream
end

---A client and a server of TLS with a key that both know, or with the configs given, after their handshake; and their
---streams.
function harness.tls_pair(client, server, one, other)
    one, other = harness.link(one, other)
    client = client or assert(sessile.TLSConfig.client()):add_psk("me", ("k"):rep(32))
    server = server or assert(sessile.TLSConfig.server()):add_psk("me", ("k"):rep(32))
    local theirs = harness.collect(assert(other:tls_accept(server)))
    local mine = harness.collect(assert(one:tls_connect(client, "server.test")))
    harness.pump(one, other)
    return one, other, mine, theirs
end

---An SSH server that says yes to what its rules do not mention. Its channels are collected.
function harness.server(rules)
    local server = harness.make {rules = rules or {}, asked = {}, channels = {}}
    function server:on_question(question)
        self.asked[#self.asked + 1] = question.kind
        local rule = self.rules[question.kind]
        if rule then
            rule(question)
        else
            question:accept()
        end
    end
    function server:on_stream(channel) self.channels[#self.channels + 1] = harness.collect(channel) end
    return server
end

local keys = {}

---A key by name, made once.
function harness.key(name)
    keys[name] = keys[name] or assert(sessile.Key.generate("ssh-ed25519", {comment = name}))
    return keys[name]
end

---A client and a server of SSH, until both are ready or one has failed.
function harness.ssh_pair(options)
    options = options or {}
    local one, other = harness.link(options.client, options.server or harness.server(options.rules))
    local known = assert(sessile.KnownHosts.read(sessile.KnownHosts.line("server.test", 22, harness.key("host"))))
    local config = options.config
        or assert(sessile.SSHConfig.client {known_hosts = known, keys = {harness.key("user")}})
    local server_config = options.server_config or assert(sessile.SSHConfig.server {host_keys = {harness.key("host")}})
    assert(other:ssh_accept(server_config))
    assert(one:ssh_connect(config, "server.test", "alice"))
    harness.pump(one, other)
    return one, other
end

return harness
