-- SPDX-License-Identifier: Apache-2.0
--
-- Sessile: secure sessions, TLS and SSH, that never touch the wire. A Session is handed the bytes that arrived and
-- hands back the bytes to send; what carries them is the program's.
--
-- What can fail returns nil, a text and a code; arguments that cannot be raise.

local agent = require "sessile.agent"
local constants = require "sessile.constants"
local core = require "sessile.core"
local keys = require "sessile.keys"
local question = require "sessile.question"
local session = require "sessile.session"
local sftp = require "sessile.sftp"
local ssh = require "sessile.ssh"
local stream = require "sessile.stream"
local tls = require "sessile.tls"
local trust = require "sessile.trust"

---@class sessile
---@field ERR_FAILED integer
---@field ERR_MISUSE integer
---@field ERR_ARGUMENT integer
---@field ERR_MEMORY integer
---@field ERR_BUSY integer
---@field ERR_GONE integer
---@field ERR_CLOSED integer
---@field ERR_LIMIT integer
---@field ERR_CALLBACK integer
---@field ERR_COMM integer
---@field ERR_PROTOCOL integer
---@field ERR_PEER integer
---@field ERR_NEGOTIATION integer
---@field ERR_VERIFY integer
---@field ERR_REFUSED integer
---@field ERR_DROPPED integer
---@field ERR_TRUNCATED integer
---@field ERR_ABORTED integer
---@field ERR_CRYPTO integer
---@field ERR_UNSUPPORTED integer
---@field ERR_PASSPHRASE integer
local sessile = {
    Agent = agent.Agent,
    AuthorizedKeys = trust.AuthorizedKeys,
    Certificate = keys.Certificate,
    Channel = stream.Channel,
    Grant = trust.Grant,
    KRL = trust.KRL,
    Key = keys.Key,
    KnownHosts = trust.KnownHosts,
    Principals = trust.Principals,
    Question = question.Question,
    SFTP = sftp.SFTP,
    SFTPJob = require("sessile.sftp_server").SFTPJob,
    SFTPRequest = require("sessile.sftp_request").SFTPRequest,
    SFTPTransfer = require("sessile.sftp_transfer").SFTPTransfer,
    SSH = ssh.SSH,
    SSHConfig = ssh.SSHConfig,
    Session = session.Session,
    Stream = stream.Stream,
    TLS = tls.TLS,
    TLSConfig = tls.TLSConfig,
    TicketKeys = tls.TicketKeys,
    pair = session.pair,
    algorithms = ssh.algorithms,
    _VERSION = core.version(),
    abi_version = core.abi_version(),
}

for name, value in pairs(constants.error) do
    if type(name) == "string" then
        sessile["ERR_" .. name:upper()] = value
    end
end

---A session for a wire that is open: Session:new.
---@param fields table
---@return sessile.Session?, string?, integer?
function sessile.session(fields) return session.Session:new(fields) end

---A session with an agent: Agent:new.
---@param fields table
---@return sessile.Agent?, string?, integer?
function sessile.agent(fields) return agent.Agent:new(fields) --[[@as sessile.Agent]] end

---A code's short name, such as "ERR_PROTOCOL".
---@param code integer
---@return string
function sessile.error_name(code) return core.error_name(code) end

---A sentence about a code in general.
---@param code integer
---@return string
function sessile.error_describe(code) return core.error_describe(code) end

---Whom errors of callbacks are told to that cannot be raised: a second one in the same call, and those of sessions that
---the collector frees. Without it Lua 5.4 warns of them, and others drop them.
---@param call fun(error: any)?
function sessile.on_lost(call) core.on_lost(call) end

return sessile
