-- SPDX-License-Identifier: Apache-2.0
--
-- Whole files between here and an SFTP server: get and put of its client.
--
-- A local file is read and written in the transfer's callbacks, which nothing keeps waiting. Whatever else takes or
-- gives bytes may wait (sftp_pump.lua).

local client = require "sessile.sftp_client"
local files = require "sessile.sftp_file"
local pumps = require "sessile.sftp_pump"
local requests = require "sessile.sftp_request"

local Client, Request = client.SFTPClient, requests.SFTPRequest

-- Where there is none, as in a sandbox, there are no local files.
local io = io

---@class sessile.SFTPCopyOptions
---@field offset integer? where to begin in the file on the server
---@field resume boolean? go on where the target ends: for a local file that is named by its path
---@field progress fun(position: integer, total: integer?)? called as it goes on; it cannot wait
---@field attrs sessile.SFTPAttrs? put: of a file that is made
---@field timeout number? seconds that all of it may take, in place of settimeout's
local OPTIONS = {offset = true, resume = true, progress = true, attrs = true, timeout = true}

-- One file on its way: path, or file, or call is its local end.
local Copy = {}
Copy.__index = Copy

local function is_file(value) return io and io.type and io.type(value) == "file" end

local function set_end(self, value, method)
    if type(value) == "string" then
        self.path = value
    elseif is_file(value) then
        self.file = value
    elseif type(value) == "function" then
        self.call = value
    elseif (type(value) == "table" or type(value) == "userdata") and value[method] then
        self.call = function(data) return value[method](value, data) end
    else
        error(("a path, a file, or a function expected, got %s"):format(type(value)), 4)
    end
end

local function new_copy(its, value, method, options)
    local self = setmetatable({client = its, options = options or {}}, Copy)
    for name in pairs(self.options) do
        if not OPTIONS[name] then
            error(("there is no option %q"):format(tostring(name)), 3)
        end
    end
    set_end(self, value, method)
    if self.path and not io then
        error("there are no local files here: give a function", 3)
    elseif self.options.resume and not self.path then
        error("only a local file that is named by its path can be resumed", 3)
    end
    self.start = self.options.offset or 0
    self.deadline = its.wire:deadline(self.options.timeout or its.timeout)
    return self
end

function Copy:ask(take, method, ...) return self.client:_ask(self.deadline, take, method, ...) end

function Copy:open(path, flags)
    local text, code, status
    self.handle, text, code, status = self:ask(Request.handle, "open", path, flags, self.options.attrs)
    return self.handle, text, code, status
end

-- Have the transfer run. What stops it from this side is told in place of its own failure, or raised in the end.
function Copy:move(callbacks, begin)
    local progress = self.options.progress
    callbacks.on_progress = progress and function(transfer)
        local well, problem = pcall(progress, transfer:position(), self.total)
        if not well then
            self.raised = {problem}
            transfer:stop()
        end
    end
    local moved, text, code, status = files.move(self.client, self.deadline, callbacks, begin)
    if self.trouble then
        return nil, self.trouble
    end
    return moved, text, code, status
end

-- The same, by way of a function that may wait. Its task has ended by then, but for a source that waits: what that
-- gives is of no use any more.
function Copy:pump(make, begin)
    local wire = self.client.wire
    local pump, callbacks = make(wire, self.call)
    local moved, text, code, status = self:move(callbacks, function(transfer)
        local begun, problem, its = begin(transfer)
        if begun then
            pump:run(transfer)
        end
        return begun, problem, its
    end)
    pump:over(not moved and (callbacks.on_source or text == "timeout" and not code))
    if callbacks.on_sink and not pump.stopped then
        local well, problem = wire:wait(function() return pump.finished end, self.deadline)
        if not well then
            pump:over(true)
            return nil, problem
        end
    end
    self.raised = self.raised or pump.raised
    if pump.refusal then
        return nil, pump.refusal[1], pump.refusal[2]
    end
    return moved, text, code, status
end

-- A local file fails, in a callback.
function Copy:fail(transfer, problem)
    self.trouble = problem or "the local file failed"
    transfer:stop()
end

-- The end of all of it.
function Copy:told(...)
    if self.raised then
        error(self.raised[1], 0)
    end
    return ...
end

-- Getting ------------------------------------------------------------------------------------------------------------

-- The local file, and where to begin.
local function open_target(self)
    local file, text
    if self.options.resume then
        file = io.open(self.path, "r+b")
        self.start = file and file:seek("end") or 0
    end
    if not file then
        file, text = io.open(self.path, "wb")
    end
    self.file = file
    return file, text
end

local function close_target(self, moved, text, code, status)
    local closed, problem
    if self.path then
        closed, problem = self.file:close()
    else
        closed, problem = self.file:flush()
    end
    if moved and not closed then
        return nil, problem
    end
    return moved, text, code, status
end

local function get(self)
    local known = self:ask(Request.attrs, "fstat", self.handle)
    self.total = known and known.size
    local function begin(transfer)
        transfer:set_expected(self.total or math.huge)
        return transfer:get(self.handle, self.start)
    end
    if self.call then
        return self:pump(pumps.sink, begin)
    elseif self.path then
        local opened, text = open_target(self)
        if not opened then
            return nil, text
        end
    end
    return close_target(self, self:move({on_sink = function(transfer, _, data)
        local written, problem = self.file:write(data)
        if not written then
            self:fail(transfer, problem)
        end
    end}, begin))
end

---Fetch a file, and return up to where it has come. target: a local file's path; a file of io's; something with write,
---such as a connection; or a function, called with the bytes and where they belong. Those may wait, and little more
---than a MiB comes meanwhile; where they return false, or nil and a text, it ends. What has come by then stays.
---@param path string
---@param target any
---@param options sessile.SFTPCopyOptions?
---@return (integer|string)?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:get(path, target, options)
    local copy = new_copy(self, target, "write", options)
    local opened, text, code, status = copy:open(path, {"read"})
    if not opened then
        return nil, text, code, status
    end
    local moved
    moved, text, code, status = get(copy)
    self:_let_go(copy.handle)
    return copy:told(moved, text, code, status)
end

-- Putting ------------------------------------------------------------------------------------------------------------

-- The local file, and how much there is to send, where that is known.
local function open_source(self)
    local text
    if self.path then
        self.file, text = io.open(self.path, "rb")
        if not self.file then
            return nil, text
        end
    end
    local here = self.file:seek("cur")
    if here then
        self.total = self.file:seek("end") - here + self.start
        self.file:seek("set", here)
    end
    return true
end

-- Where a local file goes on: where the one on the server ends.
local function find_start(self)
    if not self.options.resume then
        return true
    end
    local known, text, code, status = self:ask(Request.attrs, "fstat", self.handle)
    if not known then
        return nil, text, code, status
    end
    self.start = tonumber(known.size or 0)
    return self.file:seek("set", self.start)
end

local function put(self)
    local function begin(transfer) return transfer:put(self.handle, self.start) end
    if self.call then
        return self:pump(pumps.source, begin)
    end
    local found, text, code, status = find_start(self)
    if not found then
        return nil, text, code, status
    end
    return self:move({on_source = function(transfer, _, size)
        local data, problem = self.file:read(size)
        if not data and problem then
            self:fail(transfer, problem)
        end
        return data or ""
    end}, begin)
end

-- What has gone well is closed, and the answer told: some servers say only then that a write has failed.
local function finish(self, moved, text, code, status)
    if not moved then
        self.client:_let_go(self.handle)
        return nil, text, code, status
    end
    local closed
    closed, text, code, status = self:ask(nil, "close", self.handle)
    if not closed then
        return nil, text, code, status
    end
    return moved
end

---Send a file, and return up to where it has come. source: a local file's path; a file of io's; something with read,
---such as a connection; or a function. Those are called for bytes, a string at a time, return nil at their end, and may
---wait; where they return false, or nil and a text, that is the failure.
---@param source any
---@param path string
---@param options sessile.SFTPCopyOptions?
---@return (integer|string)?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:put(source, path, options)
    local copy = new_copy(self, source, "read", options)
    if not copy.call then
        local opened, text = open_source(copy)
        if not opened then
            return nil, text
        end
    end
    local flags = {"write", "create", copy.start == 0 and not copy.options.resume and "truncate" or nil}
    local moved, text, code, status = copy:open(path, flags)
    if moved then
        moved, text, code, status = finish(copy, put(copy))
    end
    if copy.path then
        copy.file:close()
    end
    return copy:told(moved, text, code, status)
end

return {SFTPClient = Client, open = client.open}
