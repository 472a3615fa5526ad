-- SPDX-License-Identifier: Apache-2.0
--
-- SSH in memory: authentication, channels, requests, forwarding, the agent's client side.

local sessile = require "sessile"
local h = require "harness"
local test, equal, fails = h.test, h.equal, h.fails

local function open(client, server)
    local mine = h.collect(assert(client.ssh:open_session()))
    h.pump(client, server)
    return mine, server.channels[#server.channels]
end

test("a command runs, with both flows and an exit status", function()
    local client, server = h.ssh_pair()
    local mine, theirs = open(client, server)
    equal(mine.events[1], "open")
    local asked
    server.rules.ssh_request = function(question)
        asked = question:type() .. " " .. question:command()
        equal(question:stream(), theirs)
        question:accept()
    end
    assert(mine:request_exec("uname -a"))
    h.pump(client, server)
    equal(asked, "exec uname -a")
    equal(mine.events[2], true)
    equal(theirs:write("out"), 3)
    equal(theirs:write_stderr("err"), 3)
    assert(theirs:send_exit_status(7))
    assert(theirs:finish())
    h.pump(client, server)
    equal(mine.data, "out")
    equal(mine.stderr, "err")
    equal(mine.exit_status, 7)
    equal(mine.events[3], "exit_status")
    equal(mine.events[4], "closed")
    equal(mine.message, nil)
    equal(mine.over, true)
    equal(#client:streams(), 0)
end)

test("what was negotiated is told", function()
    local client, server = h.ssh_pair()
    for _, name in ipairs {"kex", "host_key", "cipher_out", "cipher_in", "peer"} do
        assert(#client.ssh:info(name) > 0, name)
    end
    equal(server.ssh:user(), "alice")
    equal(server.ssh:info("methods"), "publickey")
    equal(client.ssh:info("strict"), "1")
    equal(client.ssh:session_id(), server.ssh:session_id())
    equal(client.ssh:host_key(), h.key("host"))
    equal(server.ssh:user_key(), h.key("user"))
    equal(client.ssh:user_key(), nil)
    assert(#client.ssh:host_signature() > 32)
    h.raises(client.ssh.info, client.ssh, "nonsense")
end)

test("a terminal, a signal, a break and what else comes", function()
    local client, server = h.ssh_pair()
    local mine, theirs = open(client, server)
    local env
    server.rules.ssh_request = function(question)
        if question:type() == "env" then
            env = question:get("name") .. "=" .. question:get("value")
        end
        question:accept()
    end
    assert(mine:request_pty {term = "vt100", columns = 100, rows = 30})
    assert(mine:request_env("LANG", "C"))
    assert(mine:request_x11("MIT-MAGIC-COOKIE-1", "00ff", 0, true))
    assert(mine:request_agent())
    assert(mine:request_shell())
    h.pump(client, server)
    equal(env, "LANG=C")
    equal(table.concat({theirs:terminal()}, " "), "100 30 0 0")
    assert(mine:window_change(120, 40))
    assert(mine:send_signal("INT"))
    assert(mine:send_break(250))
    h.pump(client, server)
    equal(table.concat({theirs:terminal()}, " "), "120 40 0 0")
    equal(theirs:signal(), "INT")
    equal(theirs:break_length(), 250)
    assert(theirs:send_xon_xoff(true))
    assert(theirs:send_end_of_write())
    h.pump(client, server)
    equal(mine:xon_xoff(), true)
    assert(theirs:send_exit_signal("KILL", true, "out of memory"))
    theirs:finish()
    h.pump(client, server)
    equal(mine.exit_signal .. " " .. mine.exit_message, "KILL out of memory")
    equal(mine.exit_core_dumped, true)
end)

test("channels to the client's agent and X server, once it has asked for them", function()
    local client, server = h.ssh_pair()
    local mine = open(client, server)
    fails(sessile.ERR_MISUSE, server.ssh:open_agent())
    fails(sessile.ERR_MISUSE, server.ssh:open_x11("localhost", 6000))
    assert(mine:request_x11("MIT-MAGIC-COOKIE-1", "00ff"))
    assert(mine:request_agent())
    h.pump(client, server)
    local kinds = {}
    client.on_question = function(_, question) question:accept() end
    client.on_stream = function(_, channel) kinds[#kinds + 1] = channel:type() end
    h.collect(assert(server.ssh:open_agent()))
    h.collect(assert(server.ssh:open_x11("localhost", 6000)))
    h.pump(client, server)
    equal(table.concat(kinds, " "), "auth-agent@openssh.com x11")
end)

test("a channel is a new one where the one before is freed, and kept", function()
    local client, server = h.ssh_pair()
    local seen = {}
    function server:on_stream(channel)
        equal(channel:freed(), false)
        equal(seen[channel], nil)
        seen[channel] = true
        h.collect(channel)
    end
    for _ = 1, 30 do
        local mine = open(client, server)
        mine:abort()
        h.pump(client, server)
        for channel in pairs(seen) do
            channel:free()
        end
        equal(#server:streams(), 0)
    end
    local count = 0
    for _ in pairs(seen) do
        count = count + 1
    end
    equal(count, 30)
end)

test("a channel that is freed while it is open is none of the session's any more when it ends", function()
    local client, server = h.ssh_pair()
    local mine = open(client, server)
    local theirs = server:streams()[1]
    theirs:free()
    mine:abort()
    h.pump(client, server)
    equal(#server:streams(), 0)
    equal(client:error(), nil)
end)

test("a subsystem that is refused", function()
    local client, server = h.ssh_pair {rules = {ssh_request = function(question) question:refuse() end}}
    local mine = open(client, server)
    assert(mine:request_subsystem("sftp"))
    h.pump(client, server)
    equal(mine.events[2], false)
    equal(mine:type(), "session")
end)

test("a channel that is refused says why", function()
    local client, server = h.ssh_pair {rules = {ssh_channel = function(question) question:refuse(2) end}}
    local mine = h.collect(assert(client.ssh:open_tcp("example.org", 80)))
    h.pump(client, server)
    equal(mine.events[1], "closed")
    equal(mine.code, sessile.ERR_REFUSED)
    equal(mine.reason, 2)
    assert(mine.message:find("did not open"))
end)

test("channels for connections, both ways", function()
    local client, server = h.ssh_pair()
    local seen = {}
    server.rules.ssh_channel = function(question)
        seen[#seen + 1] = question:type() .. " " .. (question:host() or question:get("path")) .. " " .. question:port()
        question:accept()
    end
    client.on_question = function(_, question) question:accept() end
    client.on_stream = function(self, channel) self.forwarded = h.collect(channel) end
    local notices = {}
    client.on_notice = function(_, notice, data) notices[#notices + 1] = notice .. " " .. data end
    h.collect(assert(client.ssh:open_tcp("example.org", 80)))
    h.collect(assert(client.ssh:open_unix("/run/x")))
    server.rules.ssh_forward = function(question) question:accept(question:port() == 0 and {port = "4000"} or nil) end
    assert(client.ssh:forward_tcp("localhost", 0))
    assert(client.ssh:forward_unix("/run/y"))
    h.pump(client, server)
    equal(table.concat(seen, "|"), "direct-tcpip example.org 80|direct-streamlocal@openssh.com /run/x 0")
    equal(table.concat(notices, "|"), "ssh_forwarded localhost 4000|ssh_forwarded /run/y")
    local back = h.collect(assert(server.ssh:open_forwarded_tcp("localhost", 4000, "127.0.0.1", 1)))
    h.pump(client, server)
    equal(client.forwarded:type(), "forwarded-tcpip")
    back:write("x")
    h.pump(client, server)
    equal(client.forwarded.data, "x")
    assert(server.ssh:open_forwarded_unix("/run/y"))
    fails(sessile.ERR_MISUSE, server.ssh:open_forwarded_unix("/run/z"))
    assert(client.ssh:cancel_tcp("localhost", 4000))
    assert(client.ssh:cancel_unix("/run/y"))
    h.pump(client, server)
    fails(sessile.ERR_MISUSE, server.ssh:open_forwarded_unix("/run/y"))
end)

test("signs of life, new keys, and the rest", function()
    local client, server = h.ssh_pair()
    local notices = {}
    client.on_notice = function(_, notice) notices[#notices + 1] = notice end
    assert(client.ssh:keepalive())
    h.pump(client, server)
    equal(notices[1], "ssh_alive")
    assert(client.ssh:rekey())
    h.pump(client, server)
    equal(notices[2], "ssh_rekeyed")
    assert(client.ssh:send_ignore(100))
    assert(server.ssh:send_debug("look", true))
    h.pump(client, server)
    equal(notices[3], "ssh_debug")
    assert(client.ssh:no_more_sessions())
    h.pump(client, server)
    assert(server.ssh:disconnect(11, "that was it"))
    h.pump(client, server)
    equal(notices[4], "ssh_disconnect")
    equal(client.over and server.over, true)
end)

test("a host that is not known is asked about, later too", function()
    local client = h.make()
    local kept
    function client:on_question(question) kept = assert(question:keep()) end
    local _, server = h.ssh_pair {client = client, config = sessile.SSHConfig.client {keys = {h.key("user")}}}
    equal(kept.kind, "ssh_host_key")
    equal(kept:key(), h.key("host"))
    equal(kept:fingerprint(), h.key("host"):fingerprint())
    equal(kept:port(), 22)
    assert(kept:accept())
    h.pump(client, server)
    equal(client.log[1], "ready")
end)

test("passwords, prompts and a change of password", function()
    local asked = {}
    local client = h.make()
    function client:on_question(question)
        asked[#asked + 1] = question.kind
        if question.kind == "ssh_authenticate" then
            assert(question:methods()[1])
            local tried = #question:tried()
            assert(question:accept(tried == 0 and {password = "wrong"} or {method = "keyboard-interactive"}))
        elseif question.kind == "ssh_prompts" then
            local prompts = question:prompts()
            equal(prompts[1].text .. tostring(prompts[1].echo), "Token: true")
            equal(prompts[2].text .. tostring(prompts[2].echo), "Pin: false")
            assert(question:accept {response = {"123", "456"}})
        end
    end
    local rules = {
        ssh_user = function(question)
            if question:method() == "password" then
                equal(question:password(), "wrong")
                question:refuse()
            elseif question:method() == "keyboard-interactive" then
                question:accept {prompt = {"Token: ", "Pin: "}, echo = {"1", "0"}}
            else
                question:refuse()
            end
        end,
        ssh_responses = function(question)
            equal(table.concat(question:responses(), " "), "123 456")
            question:accept()
        end,
    }
    local known = sessile.KnownHosts.read(sessile.KnownHosts.line("server.test", 22, h.key("host")))
    h.ssh_pair {client = client, rules = rules, config = sessile.SSHConfig.client {known_hosts = known}}
    equal(client.log[1], "ready")
    equal(table.concat(asked, " "), "ssh_authenticate ssh_authenticate ssh_prompts")
end)

test("an item that there is not raises, one that does not fit fails", function()
    local client = h.make()
    local seen = {}
    function client:on_question(question)
        seen.name = h.raises(question.put, question, "nonsense", "x")
        seen.code = select(3, question:put("password", "x"))
        seen.use = h.raises(question.use_key, question, {})
        seen.config = h.raises(question.use_config, question, "x")
        seen.all = #question:all("password")
        question:refuse()
    end
    h.ssh_pair {client = client, config = sessile.SSHConfig.client()}
    assert(seen.name:find("nonsense"))
    equal(seen.code, sessile.ERR_ARGUMENT)
    assert(seen.use and seen.config)
    equal(seen.all, 0)
    equal(client.code, sessile.ERR_REFUSED)
end)

test("authentication by a key that a question brings, which signs by a question", function()
    local client = h.make()
    local private = assert(sessile.Key.generate())
    local public = assert(sessile.Key.read_public(private:write_public()))
    local kinds = {}
    function client:on_question(question)
        kinds[#kinds + 1] = question.kind
        if question.kind == "ssh_authenticate" then
            assert(question:use_key(public))
            assert(question:accept())
        else
            assert(question:accept {signature = private:sign(question:get("data"), question:get("algorithm"))})
        end
    end
    local known = sessile.KnownHosts.read(sessile.KnownHosts.line("server.test", 22, h.key("host")))
    local _, server = h.ssh_pair {client = client, config = sessile.SSHConfig.client {known_hosts = known}}
    equal(client.log[1], "ready")
    equal(table.concat(kinds, " "), "ssh_authenticate ssh_sign")
    equal(server.ssh:user_key(), private)
end)

test("on_end and on_stderr can be set, read, changed and taken away", function()
    local client, server = h.ssh_pair()
    local mine, theirs = open(client, server)
    mine:request_shell()
    h.pump(client, server)
    local ended = 0
    local function on_end() ended = ended + 1 end
    theirs.on_end = on_end
    equal(theirs.on_end, on_end)
    theirs.on_end = nil
    equal(theirs.on_end, nil)
    theirs.on_end = on_end
    mine.on_stderr = nil
    theirs:write_stderr("dropped")
    h.pump(client, server)
    equal(mine.stderr, "")
    mine.on_stderr = function(self, data) self.stderr = data end
    theirs:write_stderr("kept")
    h.pump(client, server)
    equal(mine.stderr, "kept")
    mine:finish()
    h.pump(client, server)
    equal(ended, 1)
    equal(theirs.over, false)
end)

test("configs: algorithms, presets, limits", function()
    local config = assert(sessile.SSHConfig.client())
    equal(config:use_hardened():insecure_compatible():use_default(), config)
    equal(config:set_algorithms("ciphers", {"aes256-gcm@openssh.com", "aes128-ctr"}), config)
    equal(table.concat(config:algorithms("ciphers"), " "), "aes256-gcm@openssh.com aes128-ctr")
    equal(config:set_algorithms("ciphers", "-aes128-ctr"), config)
    fails(sessile.ERR_ARGUMENT, config:set_algorithms("ciphers", "rot13"))
    h.raises(config.set_algorithms, config, "nonsense", "x")
    assert(#sessile.algorithms("kex") > 3)
    equal(config:set_rekey(1000000):set_group_sizes(2048, 3072, 8192):set_limit("channels", 5):set_software("Test_1"),
        config)
    equal(config:insecure_any_host_key(true):insecure_keylog(true):ask_new_host_keys(true):require_strict_kex(true),
        config)
    h.raises(config.set_limit, config, "nonsense", 1)
    h.raises(config.add_user_key, config, "key")
    local server = assert(sessile.SSHConfig.server {host_keys = {h.key("host")}, banner = "Hi\n", auth_tries = 3})
    equal(server:set_auth_methods("password"):insecure_no_touch(true):require_user_verification(true), server)
    equal(server:set_moduli("# none\n"), server)
    fails(sessile.ERR_ARGUMENT, sessile.SSHConfig.server():check())
    fails(sessile.ERR_ARGUMENT, sessile.SSHConfig.server {auth_tries = 0})
    equal(server:check(), server)
end)

test("a banner comes as a notice", function()
    local client = h.make()
    local banner
    function client:on_notice(notice, data) if notice == "ssh_banner" then banner = data end end
    local config = assert(sessile.SSHConfig.server {host_keys = {h.key("host")}, banner = "Hi\n"})
    h.ssh_pair {client = client, server_config = config}
    equal(banner, "Hi\n")
end)

-- The agent: a few lines of one, on the other end of the wire.
local function wire_string(text) return "\0\0" .. string.char(math.floor(#text / 256), #text % 256) .. text end

local function agent_of(private)
    local agent = sessile.agent {
        on_send = function(self, data) self.sent = (self.sent or "") .. data end,
        on_reply = function(self, reply) self.replies[#self.replies + 1] = reply end,
    }
    agent.replies = {}
    assert(agent:connect())
    function agent.answer_next()
        local request = agent.sent
        agent.sent = ""
        local kind = request:byte(5)
        local reply
        if kind == 11 then
            reply = "\12\0\0\0\1" .. wire_string(private:blob()) .. wire_string("the key")
        elseif kind == 13 then
            local blob = private:blob()
            local at = 6 + 4 + #blob
            local size = request:byte(at + 2) * 256 + request:byte(at + 3)
            reply = "\14" .. wire_string(private:sign(request:sub(at + 4, at + 3 + size)))
        else
            reply = "\5"
        end
        local offered = wire_string(reply)
        equal(agent:receive(offered), #offered)
    end
    return agent
end

test("an agent lists, signs, forgets", function()
    local private = h.key("user")
    local agent = agent_of(private)
    equal(agent:list(), 1)
    agent.answer_next()
    equal(agent.replies[1].request, 1)
    equal(agent.replies[1].keys[1].key, private)
    equal(agent.replies[1].keys[1].blob, private:blob())
    equal(agent.replies[1].keys[1].comment, "the key")
    equal(agent:sign(private, "message"), 2)
    agent.answer_next()
    assert(private:verify("message", agent.replies[2].signature))
    equal(agent:remove(private), 3)
    agent.answer_next()
    equal(agent.replies[3].accepted, false)
    equal(agent:remove_all(), 4)
    agent.answer_next()
    equal(agent:bind(h.key("host"), "id", "signature"), 5)
    agent.answer_next()
    equal(#agent.replies, 5)
end)

test("an agent answers another session's question", function()
    local private = h.key("user")
    local agent = agent_of(private)
    local client = h.make()
    function client:on_question(question) assert(agent:answer(question)) end
    local known = sessile.KnownHosts.read(sessile.KnownHosts.line("server.test", 22, h.key("host")))
    local public = assert(sessile.Key.read_public(private:write_public()))
    local one, other = h.ssh_pair {
        client = client, config = sessile.SSHConfig.client {known_hosts = known, keys = {public}},
    }
    agent.answer_next()
    h.pump(one, other)
    equal(client.log[1], "ready")
end)

h.run()
