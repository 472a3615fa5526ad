-- SPDX-License-Identifier: Apache-2.0
--
-- SFTP version 3 (draft-ietf-secsh-filexfer-02) as a reaction to bytes, over a stream or over bytes of the caller's.
--
-- SFTP is one end. A client's requests are SFTPRequest objects, whole files go by SFTPTransfer; a server answers an
-- SFTPJob each. Names are bytes, and what a server says of them is its own word: escape it before a terminal shows it.

local base = require "sessile.base"
local constants = require "sessile.constants"
local core = require "sessile.core"

local sftp_receive = core.sftp_receive

---One end of a conversation. Callbacks are fields, called as methods. One that is under way over a stream lives as long
---as that.
---@class sessile.SFTP : sessile.Owner
---@field role sessile.Role
---@field over boolean whether it has ended
---@field on_ready (fun(self: sessile.SFTP))? a client has the server's version and extensions, a server the client's
---@field on_closed (fun(self: sessile.SFTP, message: string?, code: integer?))? it is over, after the answers to what
---was under way: without a message, cleanly
---@field on_resume (fun(self: sessile.SFTP))? a call returned ERR_LIMIT before, and there is room again; over bytes,
---room() is not 0 any more
---@field on_send (fun(self: sessile.SFTP, data: string): integer?)? over bytes: send them. Returns how many were taken,
---nothing for all; what was not is given again after writable()
---@field on_job (fun(self: sessile.SFTP, job: sessile.SFTPJob))? server: answer it now, or keep() it and answer later
---@field on_withdrawn (fun(self: sessile.SFTP, job: sessile.SFTPJob))? one that was kept is no longer of interest
---@field on_release (fun(self: sessile.SFTP, file: integer))? server: the number that was given for an open file is of
---no use any more
local SFTP = base.class("sessile.SFTP")

local WEAK = {__mode = "v"}

---A class whose ends have its methods, callbacks among them, before those of this one.
---@return table
function SFTP:extend()
    return base.class(self.__name, self)
end

local function hear(handle, role)
    core.sftp_set_ready(handle, true)
    core.sftp_set_closed(handle, true)
    core.sftp_set_resume(handle, true)
    if role == "server" then
        core.sftp_set_job(handle, true)
        core.sftp_set_withdrawn(handle, true)
        core.sftp_set_release(handle, true)
    end
end

---An end: the table that is given, with its callbacks and whatever else it has.
---@param self table the class
---@param role sessile.Role
---@param sftp table?
---@return sessile.SFTP?, string?, integer?
function SFTP:new(role, sftp)
    local number = constants.number(constants.role, role, "role")
    sftp = setmetatable(sftp or {}, self)
    sftp._slot = core.slot(sftp)
    local handle = core.sftp_new(number, sftp._slot)
    if not handle then
        return base.failure(core.ERR_MEMORY)
    end
    sftp._handle, sftp.role, sftp.over = handle, role, false
    -- What is under way, which somebody has to hold; and jobs by their addresses.
    sftp._busy, sftp._jobs = {}, setmetatable({}, WEAK)
    hear(handle, role)
    return sftp
end

-- What carries it ----------------------------------------------------------------------------------------------------

---Run over a stream, whose callbacks and credit it takes over, and which it ends; a client begins at once. The stream's
---session needs on_resume.
---@param stream sessile.Stream
---@return true?, string?, integer?
function SFTP:attach(stream)
    local handle = base.expect(stream, require("sessile.stream").Stream)
    local inner, carrier = rawget(stream, "_inner"), self._stream
    rawset(stream, "_inner", self)
    self._stream = stream
    local attached, text, code = core.sftp_attach(self._handle, handle)
    if not attached then
        rawset(stream, "_inner", inner)
        self._stream = carrier
    end
    return base.done(attached, text, code)
end

---Run over bytes: on_send sends, receive takes what arrives.
---@return true?, string?, integer?
function SFTP:start()
    if not self.on_send then
        error("an end over bytes needs on_send", 2)
    end
    return base.done(core.sftp_start(self._handle, true))
end

---Bytes that arrived: all are taken. More than room() is ERR_LIMIT, and none is.
---@param data string
---@return true?, string?, integer?
function SFTP:receive(data) return base.done(sftp_receive(self._handle, data)) end

---How many bytes can be handed in now; 0: stop reading until on_resume.
---@return integer?, string?, integer?
function SFTP:room() return core.sftp_room(self._handle) end

---No more will arrive.
---@return true?, string?, integer?
function SFTP:receive_end() return base.done(core.sftp_receive_end(self._handle)) end

---on_send took less than it was given before, and can take more.
---@return true?, string?, integer?
function SFTP:writable() return base.done(core.sftp_writable(self._handle)) end

---End: nothing more is asked or answered; what was produced still goes out. Requests under way are over.
---@return true?, string?, integer?
function SFTP:finish() return base.done(core.sftp_end(self._handle)) end

---What made it fail: a text and a code; nil while nothing has.
---@return string?, integer?
function SFTP:error()
    if self:freed() then
        return nil
    end
    local code = core.sftp_error(self._handle)
    if code < 0 then
        return core.sftp_error_text(self._handle), code
    end
end

-- What the peer can --------------------------------------------------------------------------------------------------

---What the peer said with its version: names, and what is behind each.
---@return table<string, string>?, string?, integer?
function SFTP:extensions()
    local count, text, code = core.sftp_extension_count(self._handle)
    if not count then
        return nil, text, code
    end
    local found = {}
    for index = 0, count - 1 do
        found[core.sftp_extension_name(self._handle, index)] = core.sftp_extension_value(self._handle, index)
    end
    return found
end

---Whether it can be asked of the server, or is served.
---@param operation sessile.SFTPOperation
---@return boolean?, string?, integer?
function SFTP:supports(operation)
    local number = constants.number(constants.sftp_operation, operation, "operation")
    return base.truth(core.sftp_supports(self._handle, number))
end

---A limit of the server's, or a safe value; in bytes, but for "handles", of which 0 is unknown.
---@param limit sessile.SFTPLimit
---@return (integer|string)?, string?, integer?
function SFTP:limit(limit)
    return core.sftp_limit(self._handle, constants.number(constants.sftp_limit, limit, "limit"))
end

-- Before a server runs -----------------------------------------------------------------------------------------------

---Offer an extension, such as "posix_rename": those that are not offered are no jobs.
---@param operation sessile.SFTPOperation
---@return true?, string?, integer?
function SFTP:serve(operation)
    local number = constants.number(constants.sftp_operation, operation, "operation")
    return base.done(core.sftp_serve(self._handle, number))
end

---Offer an extension that is not known here: its jobs are "extended".
---@param name string
---@param value string?
---@return true?, string?, integer?
function SFTP:serve_extended(name, value)
    return base.done(core.sftp_serve_extended(self._handle, name, value or ""))
end

---Refuse whatever would change a file, before it is a job.
---@param on boolean
---@return true?, string?, integer?
function SFTP:set_read_only(on) return base.done(core.sftp_set_read_only(self._handle, on)) end

---How many files may be open (256), and how many jobs without an answer (64): then no more is taken.
---@param files integer
---@param jobs integer
---@return true?, string?, integer?
function SFTP:set_limits(files, jobs) return base.done(core.sftp_set_limits(self._handle, files, jobs)) end

-- From the library ---------------------------------------------------------------------------------------------------

---The text that goes with a code.
function SFTP:_explain(code)
    local text, its = self:error()
    return its == code and text or core.error_describe(code)
end

function SFTP:_closed(code)
    local stream = self._stream
    self.over, self._stream = true, nil
    if stream then
        stream:_carries_no_more()
    end
    if not self.on_closed then
        return
    elseif code < 0 then
        self:on_closed(self:_explain(code), code)
    else
        self:on_closed()
    end
end

function SFTP:_job(handle)
    if self.on_job then
        local job = require("sessile.sftp_server").SFTPJob.of(self, handle)
        self._jobs[core.address(handle)] = job
        self:on_job(job)
    end
end

function SFTP:_withdrawn(address)
    local job = self._jobs[address]
    if job and self.on_withdrawn then
        self:on_withdrawn(job)
    end
end

function SFTP:_release(file)
    if self.on_release then
        self:on_release(file)
    end
end

return {SFTP = SFTP}
