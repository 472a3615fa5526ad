-- SPDX-License-Identifier: Apache-2.0
--
-- TLS in memory: configs, sessions, streams, questions now and later, the end of it all.

local sessile = require "sessile"
local h = require "harness"
local test, equal, fails = h.test, h.equal, h.fails

local identity = h.identity()

local function configs(client, server)
    server = server or {}
    server.certificate, server.key = identity.certificate, identity.key
    client = client or {}
    client.trust = client.trust or identity.certificate
    return assert(sessile.TLSConfig.client(client)), assert(sessile.TLSConfig.server(server))
end

local function pair(client, server, one, other)
    local mine, theirs = configs(client, server)
    return h.tls_pair(mine, theirs, one, other)
end

test("data goes both ways, and a clean end has no message", function()
    local client, server, mine, theirs = pair()
    equal(table.concat(client.log), "ready")
    equal(mine:write("hello"), 5)
    equal(theirs:write("world"), 5)
    h.pump(client, server)
    equal(theirs.data, "hello")
    equal(mine.data, "world")
    assert(mine:finish())
    h.pump(client, server)
    equal(client.over and server.over, true)
    equal(client.message, nil)
    equal(table.concat(server.log, " "), "ready closed")
    equal(client.closed and server.closed, true)
end)

test("what was negotiated is told", function()
    local client, server = pair({alpn = {"h2", "http/1.1"}}, {alpn = "http/1.1"})
    equal(client.tls:version(), "TLSv1.3")
    assert(client.tls:cipher():find("TLS_"))
    assert(#client.tls:group() > 0)
    equal(client.tls:alpn(), "http/1.1")
    equal(server.tls:sni(), "server.test")
    equal(client.tls:resumed(), false)
    equal(client.tls:verify_code(), 0)
    assert(#client.tls:verify_text() > 0)
    equal(#client.tls:peer_certificates(), 1)
    equal(client.tls:export("EXPORTER-test", 40), server.tls:export("EXPORTER-test", 40))
    equal(#client.tls:export("EXPORTER-test", 40, ""), 40)
    equal(client.tls:channel_binding(), server.tls:channel_binding("exporter"))
    fails(sessile.ERR_UNSUPPORTED, client.tls:channel_binding("unique"))
    assert(client.tls:key_update(true))
    h.pump(client, server)
    equal(client:error(), nil)
end)

test("a large certificate comes out whole", function()
    local client = pair()
    local der = client.tls:peer_certificates()[1]
    assert(#der > 100 and der:byte(1) == 0x30)
end)

test("a certificate that is not trusted fails with a text and a code", function()
    local client, server = h.link()
    local _, config = configs()
    assert(server:tls_accept(config))
    assert(client:tls_connect(assert(sessile.TLSConfig.client()), "server.test"))
    h.pump(client, server)
    equal(client.code, sessile.ERR_VERIFY)
    equal(client.message, (client:error()))
    equal(server.code, sessile.ERR_PEER)
    fails(sessile.ERR_VERIFY, client:receive("more"))
end)

test("a question is answered on the spot", function()
    local client, server = h.link()
    local seen
    function client:on_question(question)
        seen = {question.kind, question:host(), question:verify_code() ~= 0, #question:certificates()}
        equal(question:get("sni"), nil)
        equal(question.session, self)
        assert(#question:verify_text() > 0)
        assert(question:accept())
        fails(sessile.ERR_GONE, question:accept())
    end
    local _, config = configs()
    assert(server:tls_accept(config))
    assert(client:tls_connect(assert(sessile.TLSConfig.client {ask_peer = "untrusted"}), "server.test"))
    h.pump(client, server)
    equal(seen[1], "tls_peer")
    equal(seen[2], "server.test")
    equal(seen[3], true)
    equal(seen[4], 1)
    equal(client.log[1], "ready")
end)

test("a question that is kept is answered later", function()
    local client, server = h.link()
    local kept
    function client:on_question(question) kept = assert(question:keep()) end
    local _, config = configs()
    assert(server:tls_accept(config))
    assert(client:tls_connect(assert(sessile.TLSConfig.client {ask_peer = "always"}), "server.test"))
    h.pump(client, server)
    equal(#client.log, 0)
    equal(kept:host(), "server.test")
    assert(kept:accept())
    h.pump(client, server)
    equal(client.log[1], "ready")
    fails(sessile.ERR_GONE, kept:refuse())
end)

test("a question that is neither answered nor kept is refused, and dead afterwards", function()
    local client, server = h.link()
    local dropped
    function client:on_question(question) dropped = question end
    local _, config = configs()
    assert(server:tls_accept(config))
    assert(client:tls_connect(assert(sessile.TLSConfig.client {ask_peer = "always"}), "server.test"))
    h.pump(client, server)
    equal(client.code, sessile.ERR_REFUSED)
    fails(sessile.ERR_GONE, dropped:accept())
    fails(sessile.ERR_GONE, dropped:keep())
    equal(dropped:freed(), true)
end)

test("a question that is kept and collected is refused", function()
    local client, server = h.link()
    local kept = {}
    function client:on_question(question) kept[1] = assert(question:keep()) end
    local _, config = configs()
    assert(server:tls_accept(config))
    assert(client:tls_connect(assert(sessile.TLSConfig.client {ask_peer = "always"}), "server.test"))
    h.pump(client, server)
    kept[1] = nil
    collectgarbage()
    collectgarbage()
    client:want()
    h.pump(client, server)
    client:hold(false)
    equal(client.code, sessile.ERR_REFUSED)
end)

test("a question that is kept is withdrawn where the session ends", function()
    local client, server = h.link()
    local kept, withdrawn
    function client:on_question(question) kept = assert(question:keep()) end
    function client:on_withdrawn(question) withdrawn = question end
    local _, config = configs()
    assert(server:tls_accept(config))
    assert(client:tls_connect(assert(sessile.TLSConfig.client {ask_peer = "always"}), "server.test"))
    h.pump(client, server)
    assert(client:abort())
    assert(withdrawn and withdrawn == kept)
    fails(sessile.ERR_GONE, kept:accept())
end)

test("a blocking question cannot be kept without on_resume", function()
    local client = h.make {on_resume = false}
    local server
    client, server = h.link(client)
    local why
    function client:on_question(question) why = {question:keep()} end
    local _, config = configs()
    assert(server:tls_accept(config))
    assert(client:tls_connect(assert(sessile.TLSConfig.client {ask_peer = "always"}), "server.test"))
    h.pump(client, server)
    equal(why[3], sessile.ERR_MISUSE)
    equal(client.code, sessile.ERR_REFUSED)
end)

test("a server is asked about the hello and takes another config", function()
    local mine, first = configs({alpn = {"a", "b"}}, {ask_hello = true})
    local _, second = configs(nil, {alpn = "b"})
    local client, server = h.link()
    local seen
    function server:on_question(question)
        seen = {question.kind, question:sni(), table.concat(question:alpn(), " ")}
        assert(question:use_config(second))
        assert(question:accept())
    end
    assert(server:tls_accept(first))
    assert(client:tls_connect(mine, "server.test"))
    h.pump(client, server)
    equal(table.concat(seen, "|"), "tls_hello|server.test|a b")
    equal(client.tls:alpn(), "b")
end)

test("tickets resume a session", function()
    local mine, theirs = configs()
    local ticket
    local first = h.make()
    function first:on_notice(notice, data)
        equal(notice, "tls_ticket")
        ticket = data
    end
    local client, server = h.tls_pair(mine, theirs, first)
    assert(ticket and client and server)
    local again, other = h.link()
    assert(other:tls_accept(theirs))
    assert(again:tls_connect(mine, "server.test", {ticket = ticket}))
    h.pump(again, other)
    equal(again.tls:resumed(), true)
    fails(sessile.ERR_ARGUMENT, h.make():tls_connect(mine, "server.test", {ticket = "rubbish"}))
end)

test("ticket keys are shared and rotated", function()
    local tickets = assert(sessile.TicketKeys.new())
    assert(tickets:add(("x"):rep(80)))
    assert(tickets:rotate())
    fails(sessile.ERR_ARGUMENT, tickets:add("short"))
    pair(nil, {tickets = tickets})
end)

test("bytes that come one at a time do as well", function()
    local mine, theirs = configs()
    local client, server = h.link()
    h.collect(assert(server:tls_accept(theirs)))
    h.collect(assert(client:tls_connect(mine, "server.test")))
    local function crawl(one)
        local offered = ""
        for index = 1, #one.queue do
            offered = offered .. one.queue:sub(index, index)
            offered = offered:sub(assert(one:receive(offered)) + 1)
        end
        one.queue = offered
    end
    for _ = 1, 4 do
        crawl(server)
        crawl(client)
    end
    equal(client.log[1], "ready")
    equal(server.log[1], "ready")
end)

test("writes are taken short while held, and on_writable says when to go on", function()
    local client, server, mine, theirs = pair()
    local writable = 0
    function mine:on_writable() writable = writable + 1 end
    assert(client:hold(true))
    equal(mine:write("x"), 0)
    assert(client:hold(false))
    equal(writable, 1)
    equal(mine:write("x"), 1)
    h.pump(client, server)
    equal(theirs.data, "x")
end)

test("a batch sends in one piece, and lets go where the function raises", function()
    local client, server, mine, theirs = pair()
    local sends = 0
    client.on_send = function(self, data)
        sends = sends + 1
        self.peer.queue = self.peer.queue .. data
    end
    equal(client:batch(function(a, b)
        mine:write(a)
        mine:write(b)
        return "done"
    end, "one", "two"), "done")
    equal(sends, 1)
    local mark = {}
    equal(h.raises(client.batch, client, function()
        mine:write("three")
        error(mark)
    end), mark)
    equal(sends, 2)
    assert(client:enter())
    mine:write("four")
    equal(sends, 2)
    assert(client:leave())
    equal(sends, 3)
    fails(sessile.ERR_MISUSE, client:leave())
    h.pump(client, server)
    equal(theirs.data, "onetwothreefour")
end)

test("pausing stops receiving, and resume goes on", function()
    local client, server, mine, theirs = pair()
    assert(server:pause(true))
    mine:write("x")
    equal(server:take(), false)
    equal(server:want(), 0)
    assert(server:pause(false))
    equal(server.wants_more, true)
    h.pump(client, server)
    equal(theirs.data, "x")
end)

test("credit by hand makes the peer wait", function()
    local client, server, mine, theirs = pair()
    assert(theirs:set_manual(true))
    local sent = 0
    for _ = 1, 8 do
        sent = sent + mine:write(("x"):rep(16384))
    end
    h.pump(client, server)
    assert(#theirs.data < sent)
    fails(sessile.ERR_ARGUMENT, theirs:consumed(#theirs.data + 1))
    while #theirs.data < sent do
        assert(theirs:consumed(1024 * 16))
        h.pump(client, server)
    end
    equal(#theirs.data, sent)
end)

test("a wire that breaks is told from one that ends", function()
    local client, _, mine = pair()
    client:wire_closed()
    assert(client.code == sessile.ERR_DROPPED or client.code == sessile.ERR_TRUNCATED)
    equal(mine.code, client.code)
    local one, other, ours, others = pair()
    others.on_end = function() end
    ours:finish()
    other:take()
    assert(other:wire_ended())
    equal(others:write("late"), 4)
    others:finish()
    h.pump(one, other)
    equal(ours.data, "late")
    equal(one.message or other.message, nil)
end)

test("a detached session leaves the wire alone", function()
    local client, server, mine = pair()
    function server:on_data() end
    assert(client:detach())
    h.pump(client, server)
    server:take()
    client:take()
    equal(client.closed, nil)
    assert(mine)
end)

test("a session over a stream of another", function()
    local client, server, mine, theirs = pair()
    local inner, outer = assert(mine:over_this()), assert(theirs:over_this())
    local log = {}
    function inner:on_ready() log[#log + 1] = "ready" end
    function inner:on_closed(message) log[#log + 1] = message or "closed" end
    local config, other = configs()
    local deep = h.collect(assert(outer:tls_accept(other)))
    local top = h.collect(assert(inner:tls_connect(config, "server.test")))
    h.pump(client, server)
    equal(log[1], "ready")
    top:write("deep inside")
    h.pump(client, server)
    equal(deep.data, "deep inside")
    inner:finish()
    h.pump(client, server)
    equal(log[2], "closed")
end)

test("two sessions in memory", function()
    local one, other = assert(sessile.pair())
    local mine, theirs = configs()
    local got = {}
    local stream = assert(other:tls_accept(theirs))
    function stream:on_data(data) got[#got + 1] = data end
    local client = assert(one:tls_connect(mine, "server.test"))
    client:write("hello")
    equal(table.concat(got), "hello")
    one:free()
    assert(other:freed() == false and other.over)
end)

test("passphrases: given, asked for, given up, and raised", function()
    local encrypted = h.read_file(os.getenv("SESSILE_TEST_IDENTITY") .. "/encrypted.key")
    local function config(passphrase)
        return assert(sessile.TLSConfig.server {certificate = identity.certificate, passphrase = passphrase})
    end
    assert(config("secret"):set_key(encrypted))
    local asked = 0
    assert(config(function()
        asked = asked + 1
        return "secret"
    end):set_key(encrypted))
    equal(asked, 1)
    fails(sessile.ERR_CALLBACK, config(function() return nil end):set_key(encrypted))
    fails(sessile.ERR_ARGUMENT, config("wrong"):set_key(encrypted))
    local mark = {}
    local asking = config(function() error(mark) end)
    equal(h.raises(asking.set_key, asking, encrypted), mark)
end)

test("a config tells what is wrong with it, and is immutable once it is used", function()
    local bare = assert(sessile.TLSConfig.server())
    fails(sessile.ERR_ARGUMENT, bare:check())
    fails(sessile.ERR_ARGUMENT, bare:set_certificate("no PEM"))
    fails(sessile.ERR_ARGUMENT, sessile.TLSConfig.server {certificate = "no PEM"})
    fails(sessile.ERR_ARGUMENT, h.make():tls_accept(bare))
    local mine = configs()
    equal(mine:set_versions("1.2", "1.3"):set_ciphers("ECDHE+AESGCM"):set_groups("X25519:P-256"), mine)
    equal(mine:set_versions {"1.3"}, mine)
    equal(mine:check(), mine)
    fails(sessile.ERR_MISUSE, mine:set_alpn("h2"))
    h.raises(sessile.TLSConfig.client, {no_such_option = true})
    h.raises(mine.ask_peer, mine, "sometimes")
    h.raises(mine.set_versions, mine, "1.1")
end)

test("a setter for everything", function()
    local _, server = configs()
    local other = select(2, configs())
    equal(server:add_host("*.example.org", other):require_host(true):set_ticket_count(1):set_max_send_fragment(1024),
        server)
    equal(server:set_client_certificate("request"):trust_system():trust(identity.certificate), server)
    equal(server:set_verify_depth(3), server)
    equal(server:set_sigalgs("ECDSA+SHA256"):set_ciphersuites("TLS_AES_128_GCM_SHA256"), server)
    fails(sessile.ERR_ARGUMENT, server:set_pkcs12("rubbish"))
    fails(sessile.ERR_ARGUMENT, server:set_ocsp_response("rubbish"))
    fails(sessile.ERR_ARGUMENT, server:add_crl("rubbish"))
    fails(sessile.ERR_ARGUMENT, server:set_certificate_file("/nowhere/at/all"))
    local client = configs()
    equal(client:set_ocsp("request"):set_max_fragment(1024):insecure_no_host_check():insecure_keylog(), client)
    local folder = os.getenv("SESSILE_TEST_IDENTITY")
    assert(sessile.TLSConfig.client {trust_file = folder .. "/server.crt", trust_dir = folder})
    assert(sessile.TLSConfig.server {certificate_file = folder .. "/server.crt", key_file = folder .. "/server.key"})
end)

test("a key log is given to those that ask for it", function()
    local mine, theirs = configs()
    mine:insecure_keylog()
    local lines = 0
    local client, server = h.link()
    function client:on_notice(notice) lines = lines + (notice == "tls_keylog" and 1 or 0) end
    assert(server:tls_accept(theirs))
    assert(client:tls_connect(mine, "server.test", {insecure_keylog = true}))
    h.pump(client, server)
    assert(lines >= 4)
    fails(sessile.ERR_MISUSE, h.link():tls_connect(configs(), "server.test", {insecure_keylog = true}))
end)

test("counters and traces are off until they are asked for", function()
    local client, server, mine = pair()
    equal(client:counter("sent"), 0)
    assert(client:set_counters(true))
    local seen = {}
    assert(server:set_trace(function(self, direction, message, size, phase)
        equal(self, server)
        seen[#seen + 1] = direction .. type(message) .. type(size) .. type(phase)
    end))
    mine:write("hello")
    h.pump(client, server)
    equal(client:counter("data_out"), 5)
    assert(client:counter("sent") > 5)
    h.raises(client.counter, client, "nonsense")
    client.tls:key_update(false)
    h.pump(client, server)
    assert(#seen > 0 and seen[1] == "receivedstringnumberstring")
    assert(server:set_trace(nil))
end)

h.run()
