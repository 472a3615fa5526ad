-- SPDX-License-Identifier: Apache-2.0
--
-- Questions: every decision that the config leaves open, answered on the spot or later.
--
-- on_question accepts or refuses, or calls keep(), and then the question is answered later. One that is neither
-- answered nor kept when on_question returns is refused, and so is one that is kept and collected. Which kind brings
-- which items, and what may be given with the answer, is in the library's question.h; the methods here read what is
-- asked for most. Text is as the peer said it: escape it before it reaches a terminal.

local base = require "sessile.base"
local constants = require "sessile.constants"
local core = require "sessile.core"
local keys = require "sessile.keys"

---A decision to make. Sessions make them.
---@class sessile.Question : sessile.Owner
---@field kind sessile.QuestionKind what it is about
---@field session sessile.Session the session that asks
local Question = base.class("sessile.Question")

---@param session sessile.Session
---@param handle userdata
---@return sessile.Question
function Question.of(session, handle)
    local question = base.made(Question, handle)
    question.kind = constants.question[core.question_kind(handle)]
    question.session = session
    return question
end

local function item_number(item)
    return constants.number(constants.item, item, "item")
end

---Hold on to the question beyond on_question. Fails where the session has no on_resume and the question blocks.
---@return sessile.Question?, string?, integer?
function Question:keep()
    return base.chain(self, core.keep(self._handle))
end

---The channel that it is about, or nil.
---@return sessile.Channel?
function Question:stream()
    local handle = core.question_stream(self._handle)
    return handle and self.session:_channel_of(handle)
end

-- Reading ------------------------------------------------------------------------------------------------------------

---Every occurrence of an item.
---@param item sessile.Item
---@return string[]?, string?, integer?
function Question:all(item)
    local number, found = item_number(item), {}
    local count, text, code = core.question_count(self._handle, number)
    if not count then
        return nil, text, code
    end
    for index = 0, count - 1 do
        found[index + 1] = core.question_get(self._handle, number, index)
    end
    return found
end

---An item, or nil where it is absent. index: from 1.
---@param item sessile.Item
---@param index integer?
---@return string?
function Question:get(item, index)
    local value = core.question_get(self._handle, item_number(item), (index or 1) - 1)
    return value
end

---An item as a number; 0 where it is absent.
---@param item sessile.Item
---@return number
function Question:number(item)
    return tonumber(self:get(item)) or 0
end

---The name or address that it is about.
---@return string?
function Question:host() return self:get("host") end

---The port.
---@return number
function Question:port() return self:number("port") end

---Who is being authenticated.
---@return string?
function Question:user() return self:get("user") end

---The authentication method, on a server.
---@return string?
function Question:method() return self:get("method") end

---The methods that can continue, on a client.
---@return string[]
function Question:methods() return self:all("method") or {} end

---The methods that were refused, each time, on a client.
---@return string[]
function Question:tried() return self:all("tried") or {} end

---The password that a client shows. Secret.
---@return string?
function Question:password() return self:get("password") end

---The answers to prompts, on a server. Secret.
---@return string[]
function Question:responses() return self:all("response") or {} end

---@class sessile.Prompt
---@field text string
---@field echo boolean whether what is typed may be seen

---The server's prompts.
---@return sessile.Prompt[]
function Question:prompts()
    local found, echoes = {}, self:all("echo") or {}
    for index, text in ipairs(self:all("prompt") or {}) do
        found[index] = {text = text, echo = echoes[index] == "1"}
    end
    return found
end

---The public key, or certificate, that it is about.
---@return sessile.Key?, string?, integer?
function Question:key()
    local blob = self:get("key")
    if blob then
        return keys.Key.from_blob(blob)
    end
end

---That key's, "SHA256:...".
---@return string?
function Question:fingerprint() return self:get("fingerprint") end

---Whether the key's signature was there and good; else it is asked whether the key would do.
---@return boolean
function Question:verified() return self:get("verified") == "1" end

---The peer's certificates in DER, its own first.
---@return string[]
function Question:certificates() return self:all("certificate") or {} end

---The outcome of verifying them: X509_V_*, 0 for success.
---@return number
function Question:verify_code() return self:number("verify_code") end

---The same in words.
---@return string?
function Question:verify_text() return self:get("verify_text") end

---The name that a TLS client asks for.
---@return string?
function Question:sni() return self:get("sni") end

---The application protocols that it offers.
---@return string[]
function Question:alpn() return self:all("alpn") or {} end

---The type of the channel or request.
---@return string?
function Question:type() return self:get("type") end

---The command of an exec request.
---@return string?
function Question:command() return self:get("command") end

-- Answering ----------------------------------------------------------------------------------------------------------

---Give an item with the answer.
---@param item sessile.Item
---@param value string
---@return true?, string?, integer?
function Question:put(item, value)
    return base.done(core.question_put(self._handle, item_number(item), value))
end

---Answer a client's hello with another config; then accept.
---@param config sessile.TLSConfig
---@return true?, string?, integer?
function Question:use_config(config)
    local TLSConfig = require("sessile.tls").TLSConfig
    return base.done(core.tls_question_use_config(self._handle, base.expect(config, TLSConfig)))
end

---Answer how to authenticate with a key; then accept.
---@param key sessile.Key
---@return true?, string?, integer?
function Question:use_key(key)
    return base.done(core.ssh_question_use_key(self._handle, base.expect(key, keys.Key)))
end

local function put_all(self, items)
    for name, value in pairs(items or {}) do
        for _, each in ipairs(type(value) == "table" and value or {value}) do
            local put, text, code = self:put(name, each)
            if not put then
                return nil, text, code
            end
        end
    end
    return true
end

---Yes, with items by their names: accept {password = "..."}, accept {response = {"...", "..."}}. The session goes on at
---once, or when on_question returns.
---@param items table<sessile.Item, string|string[]>?
---@return true?, string?, integer?
function Question:accept(items)
    local put, text, code = put_all(self, items)
    if not put then
        return nil, text, code
    end
    return base.done(core.question_accept(self._handle))
end

---No. reason: a TLS alert's number, or why a channel is not opened (RFC 4254, section 5.1).
---@param reason integer?
---@param items table<sessile.Item, string|string[]>?
---@return true?, string?, integer?
function Question:refuse(reason, items)
    local put, text, code = put_all(self, items)
    if not put then
        return nil, text, code
    end
    return base.done(core.question_refuse(self._handle, reason or 0))
end

return {Question = Question}
