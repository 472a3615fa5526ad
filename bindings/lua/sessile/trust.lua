-- SPDX-License-Identifier: Apache-2.0
--
-- Who is trusted: known_hosts, authorized_keys and principals files, and key revocation lists, as OpenSSH has them.
-- What is read is immutable. Nothing here opens a file.

local base = require "sessile.base"
local constants = require "sessile.constants"
local core = require "sessile.core"
local keys = require "sessile.keys"

---@class sessile.BadLine
---@field line integer its number, from 1
---@field reason string what is wrong with it

-- The first hundred: beyond, the library tells no more.
local function bad_lines(handle, line, reason)
    local found = {}
    while true do
        local number, text, code = line(handle, #found)
        if not number then
            return nil, text, code
        elseif number == 0 then
            return found
        end
        found[#found + 1] = {line = number, reason = reason(handle, #found)}
    end
end

---The host keys that a client knows, from a file's text.
---@class sessile.KnownHosts : sessile.Owner
local KnownHosts = base.class("sessile.KnownHosts")

---before: files that are looked at first.
---@param data string
---@param before sessile.KnownHosts?
---@return sessile.KnownHosts?, string?, integer?
function KnownHosts.read(data, before)
    local first = before and base.expect(before, KnownHosts)
    return base.made(KnownHosts, core.known_hosts_read(data, first))
end

---How many lines were read.
---@return integer?, string?, integer?
function KnownHosts:count() return core.known_hosts_count(self._handle) end

---Lines of this file that were skipped.
---@return sessile.BadLine[]?, string?, integer?
function KnownHosts:bad_lines()
    return bad_lines(self._handle, core.known_hosts_bad_line, core.known_hosts_bad_reason)
end

---@class sessile.HostCheck
---@field status sessile.HostStatus
---@field file integer the file, in the order they are looked at, from 1; 0: none
---@field line integer the line that decided, from 1; 0: none
---@field reason string why a certificate was not good enough, or ""

---Look a host key up. now: seconds since 1970, for certificates; without: the present.
---@param host string
---@param port integer
---@param key sessile.Key
---@param now integer?
---@return sessile.HostCheck?, string?, integer?
function KnownHosts:check(host, port, key, now)
    local status, file, line, reason = core.known_hosts_check(self._handle, host, port, base.expect(key, keys.Key),
        now or core.now())
    if not status then
        return nil, file, line
    end
    return {status = constants.host_status[status], file = file, line = line, reason = reason}
end

---The host key algorithms by which the host can be known: offer them first, and nobody is asked.
---@param host string
---@param port integer?
---@return string[]?, string?, integer?
function KnownHosts:algorithms(host, port)
    local text, why, code = core.known_hosts_algorithms(self._handle, host, port or 22)
    if not text then
        return nil, why, code
    end
    return base.split(text)
end

---The keys that are known for a host, authorities and revoked keys apart.
---@param host string
---@param port integer?
---@return sessile.Key[]?, string?, integer?
function KnownHosts:keys(host, port)
    local found = {}
    while true do
        local handle, text, code = core.known_hosts_key(self._handle, host, port or 22, #found)
        if handle then
            found[#found + 1] = base.made(keys.Key, handle)
        elseif code == core.ERR_ARGUMENT then
            return found
        else
            return nil, text, code
        end
    end
end

---A line for the file, with its newline; hashed: the host's name cannot be read from it.
---@param host string
---@param port integer
---@param key sessile.Key
---@param hashed boolean?
---@return string?, string?, integer?
function KnownHosts.line(host, port, key, hashed)
    return core.known_hosts_line(host, port, base.expect(key, keys.Key), hashed or false)
end

-- What a key may do --------------------------------------------------------------------------------------------------

---What a key that was let in may do: its line's options and its certificate's, where both must agree.
---@class sessile.Grant : sessile.Owner
local Grant = base.class("sessile.Grant")

---The line that let it in, from 1.
---@return integer?, string?, integer?
function Grant:line() return core.grant_line(self._handle) end

---What to run in place of whatever is asked for, or nil.
---@return string?, string?, integer?
function Grant:command() return core.grant_command(self._handle) end

---Whether the key may have it.
---@param what sessile.Allow
---@return boolean?, string?, integer?
function Grant:allows(what)
    return base.truth(core.grant_allows(self._handle, constants.number(constants.allow, what, "permission")))
end

---Whether a security key must have been touched.
---@return boolean?, string?, integer?
function Grant:needs_touch() return base.truth(core.grant_needs_touch(self._handle)) end

---Whether a security key must have verified its user.
---@return boolean?, string?, integer?
function Grant:needs_verification() return base.truth(core.grant_needs_verification(self._handle)) end

---Whether it may have the server connect there.
---@param host string
---@param port integer
---@return boolean?, string?, integer?
function Grant:allows_open(host, port) return base.truth(core.grant_allows_open(self._handle, host, port)) end

---Whether it may have the server listen there.
---@param host string
---@param port integer
---@return boolean?, string?, integer?
function Grant:allows_listen(host, port) return base.truth(core.grant_allows_listen(self._handle, host, port)) end

---"NAME=value" each. Whoever may write the file may set any variable: sshd ignores them by default.
---@return string[]?, string?, integer?
function Grant:environment()
    local count, text, code = core.grant_environment_count(self._handle)
    if not count then
        return nil, text, code
    end
    local found = {}
    for index = 0, count - 1 do
        found[index + 1] = core.grant_environment(self._handle, index)
    end
    return found
end

---The names that a certificate must carry one of to log in as one user, from a file's text.
---@class sessile.Principals : sessile.Owner
local Principals = base.class("sessile.Principals")

---zone: seconds east of UTC, for times in it.
---@param data string
---@param zone integer?
---@return sessile.Principals?, string?, integer?
function Principals.read(data, zone) return base.made(Principals, core.principals_read(data, zone or 0)) end

---How many lines were read.
---@return integer?, string?, integer?
function Principals:count() return core.principals_count(self._handle) end

---Lines that were skipped.
---@return sessile.BadLine[]?, string?, integer?
function Principals:bad_lines()
    return bad_lines(self._handle, core.principals_bad_line, core.principals_bad_reason)
end

---The keys that may log in as one user, from a file's text.
---@class sessile.AuthorizedKeys : sessile.Owner
local AuthorizedKeys = base.class("sessile.AuthorizedKeys")

---zone: seconds east of UTC, for times in it.
---@param data string
---@param zone integer?
---@return sessile.AuthorizedKeys?, string?, integer?
function AuthorizedKeys.read(data, zone)
    return base.made(AuthorizedKeys, core.authorized_keys_read(data, zone or 0))
end

---How many lines were read.
---@return integer?, string?, integer?
function AuthorizedKeys:count() return core.authorized_keys_count(self._handle) end

---Lines that were skipped.
---@return sessile.BadLine[]?, string?, integer?
function AuthorizedKeys:bad_lines()
    return bad_lines(self._handle, core.authorized_keys_bad_line, core.authorized_keys_bad_reason)
end

---@class sessile.MatchOptions
---@field address string? the peer's
---@field host string? the peer's name, where it was looked up and checked
---@field now integer? seconds since 1970; without: the present
---@field principals sessile.Principals? for match_authority: the user's; without, the certificate must name the user

---What the key may do as that user; ERR_VERIFY where no line lets it in, with a text that is for this side's log only.
---The signature is not looked at here.
---@param key sessile.Key
---@param user string
---@param options sessile.MatchOptions?
---@return sessile.Grant?, string?, integer?
function AuthorizedKeys:match(key, user, options)
    local o = options or {}
    return base.made(Grant, core.authorized_keys_match(self._handle, base.expect(key, keys.Key), user, o.address,
        o.host, o.now or core.now()))
end

---The same where these are authorities that are trusted for all users (TrustedUserCAKeys).
---@param key sessile.Key
---@param user string
---@param options sessile.MatchOptions?
---@return sessile.Grant?, string?, integer?
function AuthorizedKeys:match_authority(key, user, options)
    local o = options or {}
    local listed = o.principals and base.expect(o.principals, Principals)
    return base.made(Grant, core.authorities_match(self._handle, listed, base.expect(key, keys.Key), user, o.address,
        o.host, o.now or core.now()))
end

---A key revocation list, as ssh-keygen -k makes it, or a text of public key lines.
---@class sessile.KRL : sessile.Owner
local KRL = base.class("sessile.KRL")

---Read a list.
---@param data string
---@return sessile.KRL?, string?, integer?
function KRL.read(data) return base.made(KRL, core.krl_read(data)) end

---Its version; 0 where it is a text.
---@return number|string|nil, string?, integer?
function KRL:version() return core.krl_version(self._handle) end

---The second it was made in, since 1970.
---@return number|string|nil, string?, integer?
function KRL:generated() return core.krl_generated(self._handle) end

---Its comment, escaped.
---@return string?, string?, integer?
function KRL:comment() return core.krl_comment(self._handle) end

---Whether the key, its certificate, or the certificate's authority is revoked. nil where it cannot be told: then the
---key must not be trusted.
---@param key sessile.Key
---@return boolean?, string?, integer?
function KRL:revokes(key) return base.truth(core.krl_revokes(self._handle, base.expect(key, keys.Key))) end

return {
    KnownHosts = KnownHosts, Grant = Grant, Principals = Principals, AuthorizedKeys = AuthorizedKeys, KRL = KRL,
}
