-- SPDX-License-Identifier: Apache-2.0
--
-- The client side of an SSH agent: a session of its own over any wire, such as the socket of SSH_AUTH_SOCK.

local base = require "sessile.base"
local core = require "sessile.core"
local keys = require "sessile.keys"
local session = require "sessile.session"
local question = require "sessile.question"

---@class sessile.AgentKey
---@field key sessile.Key? absent for one of a type that is not known here
---@field blob string its wire form
---@field comment string the agent's bytes as they are: escape them before they reach a terminal

---@class sessile.AgentReply
---@field request integer the number of the request that it answers
---@field accepted boolean
---@field keys sessile.AgentKey[]
---@field signature string

---A session with an agent. Requests return their number at once; on_reply is called for each, in order.
---@class sessile.Agent : sessile.Session
---@field on_reply (fun(self: sessile.Agent, reply: sessile.AgentReply))?
local Agent = session.Session:extend()
Agent.__name = "sessile.Agent"

---Begin.
---@return true?, string?, integer?
function Agent:connect()
    local begun, text, code = core.agent_connect(self._handle, session.CALLBACKS, self._slot)
    self._begun = begun and true or false
    return base.done(begun, text, code)
end

---Which keys it has.
---@return integer?, string?, integer?
function Agent:list() return core.agent_list(self._handle) end

---@class sessile.AgentOptions
---@field algorithm string? such as "rsa-sha2-512"; the type's best without
---@field certificate boolean? the agent lists the key by its certificate

---Sign.
---@param key sessile.Key
---@param message string
---@param options sessile.AgentOptions?
---@return integer?, string?, integer?
function Agent:sign(key, message, options)
    local o = options or {}
    return core.agent_sign(self._handle, base.expect(key, keys.Key), o.certificate or false, o.algorithm, message)
end

---Bind this connection to an SSH session (session-bind@openssh.com).
---@param host_key sessile.Key
---@param session_id string
---@param signature string
---@param forwarding boolean?
---@return integer?, string?, integer?
function Agent:bind(host_key, session_id, signature, forwarding)
    return core.agent_bind(self._handle, base.expect(host_key, keys.Key), session_id, signature, forwarding or false)
end

---Have it forget a key.
---@param key sessile.Key
---@param certificate boolean?
---@return integer?, string?, integer?
function Agent:remove(key, certificate)
    return core.agent_remove(self._handle, base.expect(key, keys.Key), certificate or false)
end

---Have it forget all keys.
---@return integer?, string?, integer?
function Agent:remove_all() return core.agent_remove_all(self._handle) end

---Have it answer an open question for a signature ("ssh_sign") of another session, which is accepted or refused when
---the agent has spoken. There is no reply of its own.
---@param asked sessile.Question
---@return true?, string?, integer?
function Agent:answer(asked)
    return base.done(core.agent_answer(self._handle, base.expect(asked, question.Question)))
end

local function read_key(handle, index)
    local key = core.agent_key(handle, index)
    return {
        key = key and base.made(keys.Key, key) or nil,
        blob = core.agent_key_blob(handle, index),
        comment = core.agent_key_comment(handle, index),
    }
end

local function read_reply(handle, data)
    local found = {}
    for index = 0, core.agent_key_count(handle) - 1 do
        found[index + 1] = read_key(handle, index)
    end
    return {
        request = core.agent_request(handle),
        accepted = core.agent_result(handle) == 0,
        keys = found,
        signature = data,
    }
end

function Agent:_notice(kind, data)
    if kind ~= core.NOTICE_AGENT_REPLY then
        session.Session._notice(self, kind, data)
    elseif self.on_reply then
        self:on_reply(read_reply(self._handle, data))
    end
end

return {Agent = Agent}
