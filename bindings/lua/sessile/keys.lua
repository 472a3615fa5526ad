-- SPDX-License-Identifier: Apache-2.0
--
-- SSH keys, public and private, with their certificates. A key is immutable, and any number of configs and sessions may
-- share it. Nothing here opens a file: read it, and hand in what it says.

local base = require "sessile.base"
local constants = require "sessile.constants"
local core = require "sessile.core"

---An SSH key. generate, read, read_public and from_blob make them. Two keys are equal (==) where their public halves
---are; certificates do not matter for that.
---@class sessile.Key : sessile.Owner
local Key = base.class("sessile.Key")

---What a key's certificate says. key:certificate() is it.
---@class sessile.Certificate
---@field _handle userdata
local Certificate = base.class("sessile.Certificate")

function Key.__eq(one, other)
    return core.key_equal(one._handle, other._handle) == 1
end

function Key:__tostring()
    if self:freed() then
        return "sessile.Key: freed"
    end
    return ("sessile.Key: %s %s%s"):format(self:type(), self:fingerprint(), self:is_private() and " private" or "")
end

---@class sessile.GenerateOptions
---@field bits integer? RSA: 2048 to 16384; 3072 without
---@field comment string?

---A new private key: "ssh-ed25519" (without a type), "ecdsa-sha2-nistp256" (384, 521) or "ssh-rsa".
---@param type string?
---@param options sessile.GenerateOptions?
---@return sessile.Key?, string?, integer?
function Key.generate(type, options)
    options = options or {}
    return base.made(Key, core.key_generate(type or "ssh-ed25519", options.bits or 0, options.comment))
end

---A private key, from the text of a file: OpenSSH's or PEM, encrypted or not. ERR_PASSPHRASE where the passphrase is
---missing or wrong.
---@param data string
---@param passphrase string?
---@return sessile.Key?, string?, integer?
function Key.read(data, passphrase)
    return base.made(Key, core.key_read(data, passphrase))
end

---A public key or certificate: a line of an id_*.pub file, RFC 4716, or PEM; the first in the text.
---@param data string
---@return sessile.Key?, string?, integer?
function Key.read_public(data)
    return base.made(Key, core.key_read_public(data))
end

---A public key or certificate, from its SSH wire form.
---@param data string
---@return sessile.Key?, string?, integer?
function Key.from_blob(data)
    return base.made(Key, core.key_from_blob(data))
end

---This key with the certificate of another, of the same public key.
---@param certificate sessile.Key
---@return sessile.Key?, string?, integer?
function Key:with_certificate(certificate)
    return base.made(Key, core.key_with_certificate(self._handle, base.expect(certificate, Key)))
end

---@class sessile.WriteOptions
---@field passphrase string? encrypts it
---@field cipher string? of the format "openssh": "aes256-ctr" without
---@field rounds integer? of bcrypt_pbkdf: 24 without

---The private key as the text of a file.
---@param format sessile.KeyFormat?
---@param options sessile.WriteOptions?
---@return string?, string?, integer?
function Key:write(format, options)
    local number = constants.number(constants.key_format, format or "openssh", "format")
    options = options or {}
    return core.key_write(self._handle, number, options.passphrase, options.cipher, options.rounds or 0)
end

---The public key, or the certificate where it has one, as text.
---@param format sessile.PublicFormat?
---@return string?, string?, integer?
function Key:write_public(format)
    local number = constants.number(constants.public_format, format or "line", "format")
    return core.key_write_public(self._handle, number)
end

---The wire form of the certificate, where it has one, or of the public key: of that alone with plain.
---@param plain boolean?
---@return string?, string?, integer?
function Key:blob(plain)
    return core.key_blob(self._handle, not plain)
end

-- What it is ---------------------------------------------------------------------------------------------------------

---Its type's name, such as "ssh-ed25519".
---@return string?, string?, integer?
function Key:type() return core.key_type(self._handle) end

---Its size.
---@return integer?, string?, integer?
function Key:bits() return core.key_bits(self._handle) end

---Its comment; "" where there is none.
---@return string?, string?, integer?
function Key:comment() return core.key_comment(self._handle) end

---Whether the private half is here.
---@return boolean?, string?, integer?
function Key:is_private() return base.truth(core.key_is_private(self._handle)) end

---What its certificate says, or nil where it has none.
---@return sessile.Certificate?, string?, integer?
function Key:certificate()
    local has, text, code = core.key_has_certificate(self._handle)
    if has == 1 then
        return setmetatable({_handle = self._handle, _key = self}, Certificate)
    end
    return nil, text, code
end

---"SHA256:..." or "MD5:...".
---@param hash sessile.Hash?
---@return string?, string?, integer?
function Key:fingerprint(hash)
    return core.key_fingerprint(self._handle, constants.number(constants.hash, hash or "sha256", "hash"))
end

---The picture of 11 lines that ssh-keygen -lv shows.
---@param hash sessile.Hash?
---@return string?, string?, integer?
function Key:randomart(hash)
    return core.key_randomart(self._handle, constants.number(constants.hash, hash or "sha256", "hash"))
end

-- Signatures ---------------------------------------------------------------------------------------------------------

---The whole signature blob (RFC 4253, section 6.6). algorithm: the type's best without.
---@param message string
---@param algorithm string?
---@return string?, string?, integer?
function Key:sign(message, algorithm)
    return core.key_sign(self._handle, algorithm, message)
end

---Whether the signature is good: true, or nil, a text, ERR_VERIFY. algorithm: any but SHA-1's without.
---@param message string
---@param signature string
---@param algorithm string?
---@return true?, string?, integer?
function Key:verify(message, signature, algorithm)
    return base.done(core.key_verify(self._handle, algorithm, message, signature))
end

---An armored signature, as ssh-keygen -Y sign makes it. hash: "sha512" (without) or "sha256".
---@param message string
---@param namespace string
---@param hash string?
---@return string?, string?, integer?
function Key:sshsig(message, namespace, hash)
    return core.key_sshsig(self._handle, namespace, hash, message)
end

---The key that made an armored signature, to be looked up among those that may; fails where it is not good.
---@param signature string
---@param message string
---@param namespace string
---@return sessile.Key?, string?, integer?
function Key.sshsig_verify(signature, message, namespace)
    return base.made(Key, core.sshsig_verify(signature, namespace, message))
end

-- Certificates -------------------------------------------------------------------------------------------------------

local function length_of(text)
    local size = #text
    return string.char(math.floor(size / 2 ^ 24) % 256, math.floor(size / 2 ^ 16) % 256, math.floor(size / 256) % 256,
        size % 256)
end

local function wire_string(text)
    return length_of(text) .. text
end

-- Options in SSH wire form: in the order of their names, a value as a string within the string.
local function options_of(options)
    local order, parts = {}, {}
    for name in pairs(options or {}) do
        order[#order + 1] = name
    end
    table.sort(order)
    for _, name in ipairs(order) do
        local value = options[name]
        local inner = type(value) == "string" and value ~= "" and wire_string(value) or ""
        parts[#parts + 1] = wire_string(name) .. wire_string(inner)
    end
    return table.concat(parts)
end

---@class sessile.CertificateOptions
---@field kind sessile.CertificateKind
---@field principals string[]
---@field valid_after number seconds since 1970
---@field valid_before number math.huge: forever
---@field serial (number|string)? beyond what a number can be exactly: decimal text
---@field key_id string?
---@field critical table<string, string|true>? such as {["force-command"] = "uptime"}
---@field extensions table<string, string|true>? such as {["permit-pty"] = true}
---@field algorithm string?

---A certificate for another key, by this one as the authority.
---@param key sessile.Key
---@param options sessile.CertificateOptions
---@return sessile.Key?, string?, integer?
function Key:sign_certificate(key, options)
    return base.made(Key, core.certificate_sign(base.expect(key, Key), self._handle, options.algorithm,
        constants.number(constants.certificate_kind, options.kind, "kind"), options.serial or 0, options.key_id or "",
        options.principals, options.valid_after, options.valid_before, options_of(options.critical),
        options_of(options.extensions)))
end

---Whom it is for.
---@return sessile.CertificateKind?, string?, integer?
function Certificate:kind()
    local kind, text, code = core.certificate_kind(self._handle)
    return constants.certificate_kind[kind], text, code
end

---Its number; decimal text where it is too large for an exact number, math.huge for the largest.
---@return number|string|nil, string?, integer?
function Certificate:serial() return core.certificate_serial(self._handle) end

---What the authority calls it.
---@return string?, string?, integer?
function Certificate:key_id() return core.certificate_key_id(self._handle) end

---Seconds since 1970.
---@return number|string|nil, string?, integer?
function Certificate:valid_after() return core.certificate_valid_after(self._handle) end

---Seconds since 1970; math.huge: no end.
---@return number|string|nil, string?, integer?
function Certificate:valid_before() return core.certificate_valid_before(self._handle) end

---The users or hosts that it is for.
---@return string[]?, string?, integer?
function Certificate:principals()
    local count, text, code = core.certificate_principal_count(self._handle)
    if not count then
        return nil, text, code
    end
    local found = {}
    for index = 0, count - 1 do
        found[index + 1] = core.certificate_principal(self._handle, index)
    end
    return found
end

---A critical option's value, such as "force-command"; nil where there is none.
---@param name string
---@return string?, string?, integer?
function Certificate:critical(name) return core.certificate_option(self._handle, 1, name) end

---An extension's value, such as "permit-pty".
---@param name string
---@return string?, string?, integer?
function Certificate:extension(name) return core.certificate_option(self._handle, 0, name) end

---Whoever signed it: its public key.
---@return sessile.Key?, string?, integer?
function Certificate:authority()
    return base.made(Key, core.certificate_authority(self._handle))
end

---@class sessile.CheckOptions
---@field principal string? without: one is not asked for
---@field address string? the peer's, for source-address
---@field now integer? seconds since 1970; without: the present

---Everything but trust in the authority: signature, kind, time, principal, critical options. true, or what is wrong.
---@param kind sessile.CertificateKind
---@param options sessile.CheckOptions?
---@return true?, string?, integer?
function Certificate:check(kind, options)
    options = options or {}
    local number = constants.number(constants.certificate_kind, kind, "kind")
    return base.done(core.certificate_check(self._handle, number, options.principal, options.address,
        options.now or core.now()))
end

return {Key = Key, Certificate = Certificate}
