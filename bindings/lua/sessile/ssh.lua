-- SPDX-License-Identifier: Apache-2.0
--
-- SSH-2: what a session may do (SSHConfig), and what it has negotiated and can do (SSH).

local base = require "sessile.base"
local constants = require "sessile.constants"
local core = require "sessile.core"
local keys = require "sessile.keys"
local stream = require "sessile.stream"
local trust = require "sessile.trust"

local function algorithms_number(kind)
    return constants.number(constants.algorithms, kind, "kind of algorithms")
end

---Everything that this build has for a kind, what is insecure included.
---@param kind sessile.Algorithms
---@return string[]?, string?, integer?
local function algorithms(kind)
    local text, why, code = core.ssh_algorithms(algorithms_number(kind))
    if not text then
        return nil, why, code
    end
    return base.split(text)
end

---What SSH sessions have in common: algorithms, keys, what is trusted, limits. Filled once, shared by any number of
---sessions, and immutable once it is used: setters fail with ERR_MISUSE then. Each setter returns the config, so that
---they can be chained, or nil, a text and a code. What it leaves open is asked.
---@class sessile.SSHConfig : sessile.Owner
local SSHConfig = base.class("sessile.SSHConfig")

-- Options of client() and server(), in the order they are set.
local OPTIONS = {
    {"known_hosts", "set_known_hosts"}, {"keys", "_add_user_keys"}, {"host_keys", "_add_host_keys"},
    {"banner", "set_banner"}, {"auth_methods", "set_auth_methods"}, {"auth_tries", "set_auth_tries"},
    {"krl", "set_krl"}, {"software", "set_software"}, {"moduli", "set_moduli"},
    {"ask_new_host_keys", "ask_new_host_keys"}, {"require_strict_kex", "require_strict_kex"},
}

---@class sessile.SSHConfigOptions
---@field known_hosts sessile.KnownHosts? client: host keys that are accepted without asking
---@field keys sessile.Key[]? client: tried in this order before any question is asked
---@field host_keys sessile.Key[]? server: one of each type
---@field banner string?
---@field auth_methods string?
---@field auth_tries integer?
---@field krl sessile.KRL?
---@field software string?
---@field moduli string?
---@field ask_new_host_keys boolean?
---@field require_strict_kex boolean?

local function new(role, options)
    local config, text, code = base.made(SSHConfig, core.ssh_config_new(constants.role[role]))
    if not config then
        return nil, text, code
    end
    return base.configure(config, OPTIONS, options or {})
end

---A client's.
---@param options sessile.SSHConfigOptions?
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig.client(options) return new("client", options) end

---A server's.
---@param options sessile.SSHConfigOptions?
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig.server(options) return new("server", options) end

---Fail where something is missing (a server's host key), and make it immutable. Connecting does this too.
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:check() return base.chain(self, core.ssh_config_check(self._handle)) end

-- Algorithms ---------------------------------------------------------------------------------------------------------

---A list by preference; or with OpenSSH's "+" (append), "-" (remove) or "^" (put first) before it.
---@param kind sessile.Algorithms
---@param list string|string[]
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:set_algorithms(kind, list)
    return base.chain(self, core.ssh_config_set_algorithms(self._handle, algorithms_number(kind), base.names(list)))
end

---The list as it is.
---@param kind sessile.Algorithms
---@return string[]?, string?, integer?
function SSHConfig:algorithms(kind)
    local text, why, code = core.ssh_config_algorithms(self._handle, algorithms_number(kind))
    if not text then
        return nil, why, code
    end
    return base.split(text)
end

---What a current OpenSSH offers.
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:use_default() return base.chain(self, core.ssh_config_use_default(self._handle)) end

---No NIST curves for key exchange, no SHA-1, 2048-bit groups or encrypt-and-MAC.
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:use_hardened() return base.chain(self, core.ssh_config_use_hardened(self._handle)) end

---SHA-1 at the lists' ends, for old gear.
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:insecure_compatible()
    return base.chain(self, core.ssh_config_insecure_compatible(self._handle))
end

---Fail where the peer does not offer strict key exchange.
---@param on boolean
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:require_strict_kex(on)
    return base.chain(self, core.ssh_config_require_strict_kex(self._handle, on))
end

---What the identification line says behind "SSH-2.0-".
---@param software string
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:set_software(software)
    return base.chain(self, core.ssh_config_set_software(self._handle, software))
end

---New keys after so many bytes, or packets, in one direction; 0: the default.
---@param bytes integer
---@param packets integer?
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:set_rekey(bytes, packets)
    return base.chain(self, core.ssh_config_set_rekey(self._handle, bytes, packets or 0))
end

---Group exchange: sizes in bits, 2048 to 8192.
---@param minimum integer
---@param preferred integer
---@param maximum integer
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:set_group_sizes(minimum, preferred, maximum)
    return base.chain(self, core.ssh_config_set_group_sizes(self._handle, minimum, preferred, maximum))
end

---Server: the text of a moduli file.
---@param data string
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:set_moduli(data) return base.chain(self, core.ssh_config_set_moduli(self._handle, data)) end

---Change a limit; the library's ssh.h has the units and the defaults.
---@param limit sessile.Limit
---@param value integer
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:set_limit(limit, value)
    return base.chain(self, core.ssh_config_set_limit(self._handle,
        constants.number(constants.limit, limit, "limit"), value))
end

-- A server -----------------------------------------------------------------------------------------------------------

---Private, or public where each signature is a question ("ssh_sign").
---@param key sessile.Key
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:add_host_key(key)
    return base.chain(self, core.ssh_config_add_host_key(self._handle, base.expect(key, keys.Key)))
end

function SSHConfig:_add_host_keys(list)
    for _, key in ipairs(list) do
        local added, text, code = self:add_host_key(key)
        if not added then
            return nil, text, code
        end
    end
    return self
end

---For users to read before authentication, at most 16 KiB.
---@param text string
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:set_banner(text) return base.chain(self, core.ssh_config_set_banner(self._handle, text)) end

---Which methods together authenticate a user: "publickey,password publickey,keyboard-interactive".
---@param methods string
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:set_auth_methods(methods)
    return base.chain(self, core.ssh_config_set_auth_methods(self._handle, methods))
end

---Attempts that may fail before the session ends, 1 to 100.
---@param tries integer
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:set_auth_tries(tries)
    return base.chain(self, core.ssh_config_set_auth_tries(self._handle, tries))
end

---Security keys need not be touched.
---@param on boolean
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:insecure_no_touch(on)
    return base.chain(self, core.ssh_config_insecure_no_touch(self._handle, on))
end

---Security keys must verify their user.
---@param on boolean
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:require_user_verification(on)
    return base.chain(self, core.ssh_config_require_user_verification(self._handle, on))
end

-- A client -----------------------------------------------------------------------------------------------------------

---Host keys that are trusted. Another key than the known fails; an unknown one is asked about.
---@param known_hosts sessile.KnownHosts
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:set_known_hosts(known_hosts)
    return base.chain(self, core.ssh_config_set_known_hosts(self._handle, base.expect(known_hosts, trust.KnownHosts)))
end

---A key of the user's, at most 64.
---@param key sessile.Key
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:add_user_key(key)
    return base.chain(self, core.ssh_config_add_user_key(self._handle, base.expect(key, keys.Key)))
end

function SSHConfig:_add_user_keys(list)
    for _, key in ipairs(list) do
        local added, text, code = self:add_user_key(key)
        if not added then
            return nil, text, code
        end
    end
    return self
end

---Ask about further host keys that the server proves to have (the question "ssh_host_keys").
---@param on boolean
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:ask_new_host_keys(on)
    return base.chain(self, core.ssh_config_ask_new_host_keys(self._handle, on))
end

---Revoked keys: host keys and authorities on a client, users' keys and authorities on a server.
---@param krl sessile.KRL
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:set_krl(krl)
    return base.chain(self, core.ssh_config_set_krl(self._handle, base.expect(krl, trust.KRL)))
end

---Any host key is accepted. Whoever sits on the wire can read and change everything.
---@param on boolean
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:insecure_any_host_key(on)
    return base.chain(self, core.ssh_config_insecure_any_host_key(self._handle, on))
end

---Let sessions give key log lines (the notice "ssh_keylog").
---@param on boolean
---@return sessile.SSHConfig?, string?, integer?
function SSHConfig:insecure_keylog(on) return base.chain(self, core.ssh_config_insecure_keylog(self._handle, on)) end

-- A session ----------------------------------------------------------------------------------------------------------

---What an SSH session has negotiated and can do. session.ssh is it. The open_ methods return the channel at once. It is
---open when its on_open is called; where the peer refuses, its on_closed follows with ERR_REFUSED and a reason.
---@class sessile.SSH
---@field session sessile.Session
---@field _handle userdata
local SSH = base.class("sessile.SSH")

---@param session sessile.Session
---@return sessile.SSH
function SSH.of(session) return setmetatable({session = session, _handle = session._handle}, SSH) end

---Something that was negotiated or said; "" while there is none. What the peer said is as it said it: escape it before
---it reaches a terminal.
---@param info sessile.SSHInfo
---@return string?, string?, integer?
function SSH:info(info) return core.ssh_info(self._handle, constants.number(constants.info, info, "info")) end

---The user being authenticated, then the one that is.
---@return string?, string?, integer?
function SSH:user() return self:info("user") end

---The first exchange hash.
---@return string?, string?, integer?
function SSH:session_id() return core.ssh_session_id(self._handle) end

local function key_or_nil(handle, text, code)
    if handle then
        return base.made(keys.Key, handle)
    end
    return nil, text, code
end

---The server's host key, once it is proven.
---@return sessile.Key?, string?, integer?
function SSH:host_key() return key_or_nil(core.ssh_host_key(self._handle)) end

---Client: the server's signature over the session id, as Agent:bind takes it.
---@return string?, string?, integer?
function SSH:host_signature() return core.ssh_host_signature(self._handle) end

---Server: the key, with its certificate, that authenticated the user.
---@return sessile.Key?, string?, integer?
function SSH:user_key() return key_or_nil(core.ssh_user_key(self._handle)) end

---Start a key exchange now.
---@return true?, string?, integer?
function SSH:rekey() return base.done(core.ssh_rekey(self._handle)) end

---Ask for a sign of life: the notice "ssh_alive" follows.
---@return true?, string?, integer?
function SSH:keepalive() return base.done(core.ssh_keepalive(self._handle)) end

---Send IGNORE with so many bytes, at most 32768.
---@param size integer
---@return true?, string?, integer?
function SSH:send_ignore(size) return base.done(core.ssh_send_ignore(self._handle, size)) end

---Send DEBUG.
---@param text string
---@param always_display boolean?
---@return true?, string?, integer?
function SSH:send_debug(text, always_display)
    return base.done(core.ssh_send_debug(self._handle, text, always_display or false))
end

---End with a reason (RFC 4253, section 11.1) and a description.
---@param reason integer
---@param description string
---@return true?, string?, integer?
function SSH:disconnect(reason, description)
    return base.done(core.ssh_disconnect(self._handle, reason, description))
end

---Client: have the server refuse any further session channel.
---@return true?, string?, integer?
function SSH:no_more_sessions() return base.done(core.ssh_no_more_sessions(self._handle)) end

local NO_CHANNEL = "no channel: the session is not ready, over, or has too many, or an argument cannot be"

-- The channel gets its owner before anything can be called back.
local function open(self, call, ...)
    return base.batched(self._handle, function(...)
        local handle = call(self._handle, ...)
        if not handle then
            return nil, NO_CHANNEL, core.ERR_MISUSE
        end
        local channel = stream.Channel.of(self.session, handle)
        self.session:_open(channel)
        return channel
    end, ...)
end

---A channel for a shell, a command or a subsystem.
---@return sessile.Channel?, string?, integer?
function SSH:open_session() return open(self, core.ssh_open_session, nil, nil) end

---A connection from the server to host and port; origin: from where, for the server's logs.
---@param host string
---@param port integer
---@param origin string?
---@param origin_port integer?
---@return sessile.Channel?, string?, integer?
function SSH:open_tcp(host, port, origin, origin_port)
    return open(self, core.ssh_open_tcp, host, port, origin or "127.0.0.1", origin_port or 0, nil, nil)
end

---A connection from the server to a Unix socket of its own.
---@param path string
---@return sessile.Channel?, string?, integer?
function SSH:open_unix(path) return open(self, core.ssh_open_unix, path, nil, nil) end

---Server: a connection that came in where the client asked to be forwarded from.
---@param bound_host string
---@param bound_port integer
---@param origin string
---@param origin_port integer
---@return sessile.Channel?, string?, integer?
function SSH:open_forwarded_tcp(bound_host, bound_port, origin, origin_port)
    return open(self, core.ssh_open_forwarded_tcp, bound_host, bound_port, origin, origin_port, nil, nil)
end

---Server: the same, from a Unix socket.
---@param path string
---@return sessile.Channel?, string?, integer?
function SSH:open_forwarded_unix(path) return open(self, core.ssh_open_forwarded_unix, path, nil, nil) end

---Server: an X11 connection.
---@param origin string
---@param origin_port integer
---@return sessile.Channel?, string?, integer?
function SSH:open_x11(origin, origin_port) return open(self, core.ssh_open_x11, origin, origin_port, nil, nil) end

---Server: a connection to the client's agent.
---@return sessile.Channel?, string?, integer?
function SSH:open_agent() return open(self, core.ssh_open_agent, nil, nil) end

---Client: have the server listen: host "" for all addresses, port 0 for one of its choice. The notice "ssh_forwarded"
---or "ssh_forward_refused" follows, in the order asked.
---@param host string
---@param port integer
---@return true?, string?, integer?
function SSH:forward_tcp(host, port) return base.done(core.ssh_forward_tcp(self._handle, host, port)) end

---The same with a Unix socket.
---@param path string
---@return true?, string?, integer?
function SSH:forward_unix(path) return base.done(core.ssh_forward_unix(self._handle, path)) end

---Have it stop; channels that are open stay.
---@param host string
---@param port integer
---@return true?, string?, integer?
function SSH:cancel_tcp(host, port) return base.done(core.ssh_cancel_tcp(self._handle, host, port)) end

---The same with a Unix socket.
---@param path string
---@return true?, string?, integer?
function SSH:cancel_unix(path) return base.done(core.ssh_cancel_unix(self._handle, path)) end

return {SSHConfig = SSHConfig, SSH = SSH, algorithms = algorithms}
