-- SPDX-License-Identifier: Apache-2.0
--
-- Keys, certificates, and who is trusted.

local sessile = require "sessile"
local h = require "harness"
local test, equal, fails = h.test, h.equal, h.fails

local Key = sessile.Key

test("a key is written and read, in every format", function()
    for _, kind in ipairs {"ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"} do
        local key = assert(Key.generate(kind, {comment = "me", bits = kind == "ssh-rsa" and 2048 or nil}))
        equal(key:type(), kind)
        equal(key:comment(), "me")
        equal(key:is_private(), true)
        assert(key:bits() >= 256)
        equal(assert(Key.read(key:write())), key)
        equal(assert(Key.read(key:write("pkcs8"))), key)
        equal(assert(Key.read(key:write("openssh", {passphrase = "p", rounds = 1}), "p")), key)
        fails(sessile.ERR_PASSPHRASE, Key.read(key:write("openssh", {passphrase = "p", rounds = 1})))
        for _, format in ipairs {"line", "rfc4716", "public_pem"} do
            local public = assert(Key.read_public(key:write_public(format)))
            equal(public, key)
            equal(public:is_private(), false)
        end
        equal(assert(Key.from_blob(key:blob())), key)
    end
    fails(sessile.ERR_UNSUPPORTED, h.key("a"):write("pem"))
    fails(sessile.ERR_ARGUMENT, Key.read("rubbish"))
    fails(sessile.ERR_UNSUPPORTED, Key.read_public("rubbish"))
    fails(sessile.ERR_ARGUMENT, Key.from_blob("rubbish"))
    fails(sessile.ERR_ARGUMENT, Key.generate("ssh-dss"))
    h.raises(h.key("a").write, h.key("a"), "nonsense")
end)

test("keys are equal where their public halves are", function()
    assert(h.key("a") == Key.read_public(h.key("a"):write_public()))
    assert(h.key("a") ~= h.key("b"))
    assert(tostring(h.key("a")):find("SHA256:", 1, true))
end)

test("fingerprints", function()
    assert(h.key("a"):fingerprint():find("^SHA256:"))
    assert(h.key("a"):fingerprint("md5"):find("^MD5:"))
    equal(select(2, h.key("a"):randomart():gsub("\n", "")), 11)
    h.raises(h.key("a").fingerprint, h.key("a"), "crc32")
end)

test("signatures", function()
    local signature = assert(h.key("a"):sign("message"))
    equal(h.key("a"):verify("message", signature), true)
    fails(sessile.ERR_VERIFY, h.key("a"):verify("another", signature))
    fails(sessile.ERR_ARGUMENT, Key.read_public(h.key("a"):write_public()):sign("message"))
    local armored = assert(h.key("a"):sshsig("message", "file"))
    equal(assert(Key.sshsig_verify(armored, "message", "file")), h.key("a"))
    fails(sessile.ERR_VERIFY, Key.sshsig_verify(armored, "another", "file"))
end)

local function certificate(options)
    options = options or {}
    options.kind = options.kind or "user"
    options.principals = options.principals or {"alice", "bob"}
    options.valid_after = options.valid_after or 1000
    options.valid_before = options.valid_before or 2000
    return assert(h.key("authority"):sign_certificate(h.key("a"), options))
end

test("a certificate says what was put into it", function()
    local key = certificate {
        serial = 7, key_id = "id", critical = {["force-command"] = "uptime"}, extensions = {["permit-pty"] = true},
    }
    local told = assert(key:certificate())
    equal(told:kind(), "user")
    equal(told:serial(), 7)
    equal(told:key_id(), "id")
    equal(told:valid_after(), 1000)
    equal(told:valid_before(), 2000)
    equal(table.concat(told:principals(), " "), "alice bob")
    equal(told:critical("force-command"), "uptime")
    equal(told:extension("permit-pty"), "")
    fails(sessile.ERR_ARGUMENT, told:extension("permit-user-rc"))
    equal(told:authority(), h.key("authority"))
    equal(told:check("user", {principal = "alice", now = 1500}), true)
    fails(sessile.ERR_VERIFY, told:check("user", {principal = "carol", now = 1500}))
    fails(sessile.ERR_VERIFY, told:check("host", {now = 1500}))
    fails(sessile.ERR_VERIFY, told:check("user"))
    equal(h.key("a"):certificate(), nil)
    local both = assert(h.key("a"):with_certificate(key))
    assert(both:is_private() and both:certificate())
    assert(both:blob() ~= both:blob(true))
    fails(sessile.ERR_ARGUMENT, h.key("b"):with_certificate(key))
end)

test("what is larger than the room for it comes out whole", function()
    local command = ("c"):rep(5000)
    local key = certificate {critical = {["force-command"] = command}}
    equal(key:certificate():critical("force-command"), command)
    assert(#key:blob() > 5000)
    equal(assert(Key.from_blob(key:blob())):certificate():critical("force-command"), command)
end)

test("numbers of 64 bits", function()
    equal(certificate({valid_before = math.huge}):certificate():valid_before(), math.huge)
    equal(certificate({serial = "18446744073709551614"}):certificate():serial(), "18446744073709551614")
    equal(certificate({serial = "18446744073709551615"}):certificate():serial(), math.huge)
    equal(certificate({serial = 2 ^ 53}):certificate():serial(), 2 ^ 53)
    for _, wrong in ipairs {-1, 1.5, 2 ^ 64, "", "x", "18446744073709551616", -math.huge, {}, true} do
        h.raises(certificate, {serial = wrong})
    end
    h.raises(certificate, {serial = 0 / 0})
    for _, wrong in ipairs {{1}, {"a\0b"}, {{}}, "alice"} do
        h.raises(certificate, {principals = wrong})
    end
end)

test("known hosts", function()
    local line = assert(sessile.KnownHosts.line("server.test", 2222, h.key("a")))
    local hashed = assert(sessile.KnownHosts.line("server.test", 22, h.key("b"), true))
    assert(not hashed:find("server"))
    local known = assert(sessile.KnownHosts.read(line .. "rubbish\n" .. hashed))
    equal(known:count(), 2)
    local bad = known:bad_lines()
    equal(#bad, 1)
    equal(bad[1].line, 2)
    assert(#bad[1].reason > 0)
    local check = assert(known:check("server.test", 2222, h.key("a")))
    equal(check.status, "known")
    equal(check.line, 1)
    equal(check.file, 1)
    equal(check.reason, "")
    equal(known:check("server.test", 2222, h.key("b")).status, "changed")
    equal(known:check("other.test", 22, h.key("a")).status, "unknown")
    assert(table.concat(known:algorithms("server.test", 2222), " "):find("ssh-ed25519", 1, true))
    equal(#known:algorithms("other.test"), 0)
    equal(known:keys("server.test")[1], h.key("b"))
    local more = assert(sessile.KnownHosts.read("", known))
    equal(more:check("server.test", 2222, h.key("a")).file, 1)
    fails(sessile.ERR_ARGUMENT, known:check("", 2222, h.key("a")))
    h.raises(sessile.KnownHosts.read, "", "x")
end)

test("authorized keys and what they grant", function()
    local line = 'restrict,pty,command="uptime",environment="A=b",permitopen="x:1" ' .. h.key("a"):write_public()
    local keys = assert(sessile.AuthorizedKeys.read(line .. "rubbish\n"))
    equal(keys:count(), 1)
    equal(#keys:bad_lines(), 1)
    local grant = assert(keys:match(h.key("a"), "alice"))
    equal(grant:line(), 1)
    equal(grant:command(), "uptime")
    equal(grant:allows("pty"), true)
    equal(grant:allows("agent_forwarding"), false)
    equal(grant:needs_touch(), true)
    equal(grant:needs_verification(), false)
    equal(grant:allows_listen("localhost", 1), false)
    equal(type(grant:allows_open("x", 1)), "boolean")
    equal(grant:environment()[1], "A=b")
    fails(sessile.ERR_VERIFY, keys:match(h.key("b"), "alice"))
    h.raises(grant.allows, grant, "nonsense")
end)

test("authorities and principals", function()
    local authorities = assert(sessile.AuthorizedKeys.read(h.key("authority"):write_public()))
    local listed = assert(sessile.Principals.read("bob\n"))
    equal(listed:count(), 1)
    equal(#listed:bad_lines(), 0)
    local key = certificate()
    assert(authorities:match_authority(key, "alice", {now = 1500}))
    assert(authorities:match_authority(key, "anyone", {now = 1500, principals = listed, address = "127.0.0.1"}))
    fails(sessile.ERR_VERIFY, authorities:match_authority(key, "anyone", {now = 1500}))
    fails(sessile.ERR_VERIFY, authorities:match_authority(key, "alice"))
end)

test("revocation lists", function()
    local list = assert(sessile.KRL.read(h.key("a"):write_public()))
    equal(list:revokes(h.key("a")), true)
    equal(list:revokes(h.key("b")), false)
    equal(list:version(), 0)
    equal(list:generated(), 0)
    equal(list:comment(), "")
    fails(sessile.ERR_ARGUMENT, sessile.KRL.read("SSHKRL\n\0rubbish"))
end)

h.run()
