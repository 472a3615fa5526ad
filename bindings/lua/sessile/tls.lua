-- SPDX-License-Identifier: Apache-2.0
--
-- TLS 1.2 and 1.3: what a session may do (TLSConfig) and what it has negotiated (TLS).

local base = require "sessile.base"
local constants = require "sessile.constants"
local core = require "sessile.core"

---Session ticket keys of servers, rotated while in use and shared by configs.
---@class sessile.TicketKeys : sessile.Owner
local TicketKeys = base.class("sessile.TicketKeys")

---With one random key.
---@return sessile.TicketKeys?, string?, integer?
function TicketKeys.new() return base.made(TicketKeys, core.tls_tickets_new()) end

---New tickets are sealed with a new random key; the last 3 before still open.
---@return true?, string?, integer?
function TicketKeys:rotate() return base.done(core.tls_tickets_rotate(self._handle)) end

---The same with a key of the caller's: 80 random bytes, secret.
---@param key string
---@return true?, string?, integer?
function TicketKeys:add(key) return base.done(core.tls_tickets_add(self._handle, key)) end

---What TLS sessions have in common. Filled once, shared by any number of sessions, and immutable once it is used:
---setters fail with ERR_MISUSE then. Each setter returns the config, so that they can be chained, or nil, a text and a
---code. A client verifies the server against the system's trust unless told otherwise.
---@class sessile.TLSConfig : sessile.Owner
local TLSConfig = base.class("sessile.TLSConfig")

-- Options of client() and server(), in the order they are set.
local OPTIONS = {
    {"passphrase", "set_passphrase"}, {"certificate", "set_certificate"},
    {"certificate_file", "set_certificate_file"}, {"key", "set_key"}, {"key_file", "set_key_file"},
    {"pkcs12", "set_pkcs12"}, {"uri", "set_uri"}, {"trust", "trust"}, {"trust_file", "trust_file"},
    {"trust_dir", "trust_dir"}, {"verify_depth", "set_verify_depth"},
    {"client_certificate", "set_client_certificate"}, {"ask_peer", "ask_peer"}, {"ask_hello", "ask_hello"},
    {"versions", "set_versions"}, {"ciphers", "set_ciphers"}, {"ciphersuites", "set_ciphersuites"},
    {"groups", "set_groups"}, {"sigalgs", "set_sigalgs"}, {"alpn", "set_alpn"}, {"tickets", "set_tickets"},
    {"ticket_count", "set_ticket_count"}, {"ocsp", "set_ocsp"},
}

---@class sessile.TLSConfigOptions
---@field passphrase string|(fun(): string?)|nil see set_passphrase, and so on: each option has a setter
---@field certificate string? PEM with the chain, its own first
---@field certificate_file string?
---@field key string? PEM
---@field key_file string?
---@field pkcs12 string?
---@field uri string?
---@field trust string? CA certificates in PEM, in place of the system's
---@field trust_file string?
---@field trust_dir string?
---@field verify_depth integer?
---@field client_certificate sessile.ClientCertificate?
---@field ask_peer sessile.AskPeer?
---@field ask_hello boolean?
---@field versions sessile.TLSVersion[]? the lowest and the highest
---@field ciphers string?
---@field ciphersuites string?
---@field groups string?
---@field sigalgs string?
---@field alpn string|string[]|nil application protocols by preference
---@field tickets sessile.TicketKeys?
---@field ticket_count integer?
---@field ocsp sessile.OCSP?

local function new(role, options)
    local config, text, code = base.made(TLSConfig, core.tls_config_new(constants.role[role]))
    if not config then
        return nil, text, code
    end
    return base.configure(config, OPTIONS, options or {})
end

---A client's.
---@param options sessile.TLSConfigOptions?
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig.client(options) return new("client", options) end

---A server's.
---@param options sessile.TLSConfigOptions?
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig.server(options) return new("server", options) end

---Fail where something is missing (a server's certificate), and make it immutable. Connecting does this too.
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:check() return base.chain(self, core.tls_config_check(self._handle)) end

-- Own certificate and key --------------------------------------------------------------------------------------------

---PEM with the chain in order, own first, or one certificate in DER. A server may have one of each key type: set each
---certificate, then its key.
---@param data string
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_certificate(data)
    return base.chain(self, core.tls_config_set_certificate(self._handle, data))
end

---The same from a file.
---@param path string
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_certificate_file(path)
    return base.chain(self, core.tls_config_set_certificate_file(self._handle, path))
end

---A private key in PEM, encrypted or not, or DER: the one of the certificate set last.
---@param data string
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_key(data) return base.chain(self, core.tls_config_set_key(self._handle, data)) end

---The same from a file.
---@param path string
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_key_file(path) return base.chain(self, core.tls_config_set_key_file(self._handle, path)) end

---A PKCS#12 bundle: key, certificate, chain.
---@param data string
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_pkcs12(data) return base.chain(self, core.tls_config_set_pkcs12(self._handle, data)) end

---Key and certificates from an OSSL_STORE URI: file:, or pkcs11: where a provider for it is loaded.
---@param uri string
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_uri(uri) return base.chain(self, core.tls_config_set_uri(self._handle, uri)) end

---For what is loaded next: a passphrase, or a function that returns one (nil to give up) when it is needed.
---@param passphrase string|(fun(): string?)|nil
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_passphrase(passphrase)
    if type(passphrase) ~= "function" then
        return base.chain(self, core.tls_config_set_passphrase(self._handle, passphrase or ""))
    end
    self.on_passphrase = function() return passphrase() end
    self._slot = self._slot or core.slot(self)
    return base.chain(self, core.tls_config_set_passphrase_callback(self._handle, true, self._slot))
end

-- Trust --------------------------------------------------------------------------------------------------------------

---Believe whom the system believes. Calls of this kind add up.
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:trust_system() return base.chain(self, core.tls_config_trust_system(self._handle)) end

---CA certificates in PEM, or one in DER.
---@param data string
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:trust(data) return base.chain(self, core.tls_config_trust(self._handle, data)) end

---The same from a file.
---@param path string
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:trust_file(path) return base.chain(self, core.tls_config_trust_file(self._handle, path)) end

---A directory in openssl rehash's form, read when a certificate is verified.
---@param path string
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:trust_dir(path) return base.chain(self, core.tls_config_trust_dir(self._handle, path)) end

---A revocation list, and check against them: the peer's own certificate, or the whole chain.
---@param data string
---@param all_levels boolean?
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:add_crl(data, all_levels)
    return base.chain(self, core.tls_config_add_crl(self._handle, data, all_levels or false))
end

---The largest number of certificates between the peer's own and the trusted one, 0 to 100.
---@param depth integer
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_verify_depth(depth)
    return base.chain(self, core.tls_config_set_verify_depth(self._handle, depth))
end

---Server: whether clients show a certificate.
---@param mode sessile.ClientCertificate
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_client_certificate(mode)
    local number = constants.number(constants.client_certificate, mode, "mode")
    return base.chain(self, core.tls_config_set_client_certificate(self._handle, number))
end

---Ask about the peer's certificate (the question "tls_peer").
---@param when sessile.AskPeer
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:ask_peer(when)
    local number = constants.number(constants.ask_peer, when, "time to ask")
    return base.chain(self, core.tls_config_ask_peer(self._handle, number))
end

---Server: ask about each client's hello (the question "tls_hello").
---@param on boolean
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:ask_hello(on) return base.chain(self, core.tls_config_ask_hello(self._handle, on)) end

-- What is negotiated -------------------------------------------------------------------------------------------------

---The lowest and the highest version, inclusive, in a list or as two arguments.
---@param lowest sessile.TLSVersion|sessile.TLSVersion[]
---@param highest sessile.TLSVersion?
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_versions(lowest, highest)
    if type(lowest) == "table" then
        lowest, highest = lowest[1], lowest[2]
    end
    local low = constants.number(constants.version, lowest, "version")
    local high = constants.number(constants.version, highest or lowest, "version")
    return base.chain(self, core.tls_config_set_versions(self._handle, low, high))
end

---TLS 1.2 ciphers, in openssl's list syntax, as are the three that follow.
---@param list string
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_ciphers(list) return base.chain(self, core.tls_config_set_ciphers(self._handle, list)) end

---TLS 1.3 cipher suites.
---@param list string
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_ciphersuites(list)
    return base.chain(self, core.tls_config_set_ciphersuites(self._handle, list))
end

---Key exchange groups.
---@param list string
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_groups(list) return base.chain(self, core.tls_config_set_groups(self._handle, list)) end

---Signature algorithms.
---@param list string
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_sigalgs(list) return base.chain(self, core.tls_config_set_sigalgs(self._handle, list)) end

---Application protocols by preference. A server refuses a client that offers none of them.
---@param protocols string|string[]
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_alpn(protocols)
    return base.chain(self, core.tls_config_set_alpn(self._handle, base.names(protocols)))
end

---Server: use another config where the client asks for this name; "*." stands for one label.
---@param name string
---@param other sessile.TLSConfig
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:add_host(name, other)
    return base.chain(self, core.tls_config_add_host(self._handle, name, base.expect(other, TLSConfig)))
end

---Server: refuse a client that asks for no name or for one that was not added.
---@param on boolean
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:require_host(on) return base.chain(self, core.tls_config_require_host(self._handle, on)) end

---Server: the ticket keys to use.
---@param tickets sessile.TicketKeys
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_tickets(tickets)
    return base.chain(self, core.tls_config_set_tickets(self._handle, base.expect(tickets, TicketKeys)))
end

---Server: how many tickets follow a TLS 1.3 handshake, 0 to 16; 0 turns resumption off.
---@param count integer
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_ticket_count(count)
    return base.chain(self, core.tls_config_set_ticket_count(self._handle, count))
end

---Server: a DER OCSPResponse to show.
---@param data string
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_ocsp_response(data)
    return base.chain(self, core.tls_config_set_ocsp_response(self._handle, data))
end

---Client: ask for a stapled OCSP response.
---@param mode sessile.OCSP
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_ocsp(mode)
    return base.chain(self, core.tls_config_set_ocsp(self._handle, constants.number(constants.ocsp, mode, "mode")))
end

---A pre-shared key of 16 to 256 bytes. A client offers the first; a server knows all.
---@param identity string
---@param key string
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:add_psk(identity, key)
    return base.chain(self, core.tls_config_add_psk(self._handle, identity, key))
end

---The largest plaintext of a record that is sent, 512 to 16384 bytes.
---@param size integer
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_max_send_fragment(size)
    return base.chain(self, core.tls_config_set_max_send_fragment(self._handle, size))
end

---Client: negotiate a smaller largest record both ways: 512, 1024, 2048 or 4096 bytes.
---@param size integer
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:set_max_fragment(size)
    return base.chain(self, core.tls_config_set_max_fragment(self._handle, size))
end

-- Danger -------------------------------------------------------------------------------------------------------------

---Client: believe any certificate. Anyone on the path can read and change everything.
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:insecure_no_verify()
    return base.chain(self, core.tls_config_insecure_no_verify(self._handle))
end

---Client: verify the chain, but not whom it names.
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:insecure_no_host_check()
    return base.chain(self, core.tls_config_insecure_no_host_check(self._handle))
end

---Let sessions that ask for it give key log lines (the notice "tls_keylog").
---@return sessile.TLSConfig?, string?, integer?
function TLSConfig:insecure_keylog() return base.chain(self, core.tls_config_insecure_keylog(self._handle)) end

-- What was negotiated ------------------------------------------------------------------------------------------------

---What a TLS session has negotiated, from on_ready on. session.tls is it.
---@class sessile.TLS
---@field _handle userdata
local TLS = base.class("sessile.TLS")

---@param session sessile.Session
---@return sessile.TLS
function TLS.of(session) return setmetatable({_handle = session._handle}, TLS) end

---Such as "TLSv1.3".
---@return string?, string?, integer?
function TLS:version() return core.tls_version(self._handle) end

---The standard name, such as "TLS_AES_256_GCM_SHA384".
---@return string?, string?, integer?
function TLS:cipher() return core.tls_cipher(self._handle) end

---The key exchange group.
---@return string?, string?, integer?
function TLS:group() return core.tls_group(self._handle) end

---The application protocol; "" for none.
---@return string?, string?, integer?
function TLS:alpn() return core.tls_alpn(self._handle) end

---The name that the client asked for.
---@return string?, string?, integer?
function TLS:sni() return core.tls_sni(self._handle) end

---Whether an earlier session was resumed.
---@return boolean?, string?, integer?
function TLS:resumed() return base.truth(core.tls_resumed(self._handle)) end

---The outcome of verifying the peer's certificate: X509_V_*, 0 for success, 1 where it showed none.
---@return integer?, string?, integer?
function TLS:verify_code() return core.tls_verify_code(self._handle) end

---The same in words.
---@return string?, string?, integer?
function TLS:verify_text() return core.tls_verify_text(self._handle) end

---The certificates that the peer sent, in DER, its own first.
---@return string[]?, string?, integer?
function TLS:peer_certificates()
    local count, text, code = core.tls_peer_count(self._handle)
    if not count then
        return nil, text, code
    end
    local found = {}
    for index = 0, count - 1 do
        found[index + 1] = core.tls_peer_certificate(self._handle, index)
    end
    return found
end

---Keying material for a protocol above (RFC 5705), at most 8160 bytes.
---@param label string
---@param size integer
---@param context string?
---@return string?, string?, integer?
function TLS:export(label, size, context) return core.tls_export(self._handle, label, context, size) end

---A channel binding.
---@param kind sessile.ChannelBinding?
---@return string?, string?, integer?
function TLS:channel_binding(kind)
    local number = constants.number(constants.channel_binding, kind or "exporter", "channel binding")
    return core.tls_channel_binding(self._handle, number)
end

---Change the keys (TLS 1.3), and have the peer change its own with request_peer.
---@param request_peer boolean?
---@return true?, string?, integer?
function TLS:key_update(request_peer) return base.done(core.tls_key_update(self._handle, request_peer or false)) end

return {TicketKeys = TicketKeys, TLSConfig = TLSConfig, TLS = TLS}
