-- SPDX-License-Identifier: Apache-2.0
--
-- An open file of an SFTP server's, with a position, read and written as one of io's. And what moves bytes: transfers
-- that a coroutine waits for.

local client = require "sessile.sftp_client"
local requests = require "sessile.sftp_request"
local transfers = require "sessile.sftp_transfer"

local Client, Request, Transfer = client.SFTPClient, requests.SFTPRequest, transfers.SFTPTransfer

-- How much is read to find a line's end, and the longest line, in bytes.
local PIECE, LINE = 32 * 1024, 1024 * 1024

local MODES = {
    r = {"read"}, w = {"write", "create", "truncate"}, a = {"write", "create", "append"},
    x = {"write", "create", "exclusive"},
}

-- What a mode such as "r" or "w+b" asks for.
local function flags_of(mode)
    local kind, more = mode:match("^([rwax])([b+]*)$")
    if not kind or #more > 2 or more == "bb" or more == "++" then
        error(("there is no mode %q"):format(mode), 3)
    end
    local flags = {}
    for _, flag in ipairs(MODES[kind]) do
        flags[#flags + 1] = flag
    end
    if more:find("+", 1, true) then
        flags[#flags + 1] = "read"
        flags[#flags + 1] = "write"
    end
    return flags
end

---Have a transfer run to its end, and return its position; or its failure. begin(transfer) starts it.
---@param self sessile.SFTPClient
---@param deadline number?
---@param callbacks table
---@param begin fun(transfer: sessile.SFTPTransfer): any
---@return (integer|string)?, string?, integer?, (sessile.SFTPStatus|integer)?
local function move(self, deadline, callbacks, begin)
    if self.code then
        return nil, self.message, self.code
    end
    local done
    function callbacks.on_done()
        done = true
        self.wire:wake()
    end
    local transfer, text, code = Transfer:new(self.sftp, callbacks)
    if not transfer then
        return nil, text, code
    end
    local begun
    begun, text, code = begin(transfer)
    if not begun then
        return nil, text, code
    end
    local well, problem = self.wire:wait(function() return done end, deadline)
    if not well then
        transfer:free()
        return nil, problem
    end
    local result, status
    result, text, code, status = transfer:result()
    result = result and transfer:position()
    transfer:free()
    return result, text, code, status
end

---A file that is open on the server. Where a method fails the position stays.
---@class sessile.SFTPFile
---@field client sessile.SFTPClient
---@field handle string the server's
---@field closed boolean
local File = {}
File.__index = File

---Open a file. mode: as io.open's; "x" is as "w" and fails where there is one.
---@param path string
---@param mode string? "r"
---@param values sessile.SFTPAttrs? of a file that is made
---@return sessile.SFTPFile?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:open(path, mode, values)
    local flags = flags_of(mode or "r")
    local deadline = self.wire:deadline(self.timeout)
    local handle, text, code, status = self:_ask(deadline, Request.handle, "open", path, flags, values)
    if not handle then
        return nil, text, code, status
    end
    return setmetatable({client = self, handle = handle, position = 0, closed = false, ahead = ""}, File)
end

local function ask(self, take, method, ...)
    if self.closed then
        error("the file is closed", 3)
    end
    local its = self.client
    return its:_ask(its.wire:deadline(its.timeout), take, method, self.handle, ...)
end

-- Reading ------------------------------------------------------------------------------------------------------------

-- At most so many bytes from there on, by many requests at once.
local function fetch(self, offset, size)
    local its, pieces = self.client, {}
    local moved, text, code, status = move(its, its.wire:deadline(its.timeout), {
        on_sink = function(_, _, data) pieces[#pieces + 1] = data end,
    }, function(transfer) return transfer:get(self.handle, offset, size) end)
    if not moved then
        return nil, text, code, status
    end
    return table.concat(pieces)
end

-- What is read ahead begins at the position.
local function take(self, size)
    local data = self.ahead:sub(1, size)
    self.ahead = self.ahead:sub(size + 1)
    self.position = self.position + #data
    return data
end

local function read_ahead(self, size)
    local more, text, code, status = fetch(self, self.position + #self.ahead, size)
    if not more then
        return nil, text, code, status
    end
    self.ahead = self.ahead .. more
    return #more
end

local function read_bytes(self, size)
    if #self.ahead < size then
        local well, text, code, status = read_ahead(self, size - #self.ahead)
        if not well then
            return nil, text, code, status
        end
    end
    if self.ahead == "" and size > 0 then
        return nil
    end
    return take(self, size)
end

local function read_line(self, keep_newline)
    local at = self.ahead:find("\n", 1, true)
    while not at and #self.ahead <= LINE do
        local looked = #self.ahead
        local more, text, code, status = read_ahead(self, PIECE)
        if not more then
            return nil, text, code, status
        elseif more == 0 then
            at = looked > 0 and looked or nil
            return at and take(self, at)
        end
        at = self.ahead:find("\n", looked + 1, true)
    end
    if not at then
        return nil, "the line is too long"
    end
    local line = take(self, at)
    return keep_newline and line or line:sub(1, -2)
end

---Read: a number: so many bytes, fewer only at the end; "l" a line without its end, "L" with it; "a" all that is left,
---which may be nothing. nil alone is the end.
---@param format integer|"l"|"L"|"a"|nil "l" without
---@return string?, string?, integer?, (sessile.SFTPStatus|integer)?
function File:read(format)
    if self.closed then
        error("the file is closed", 2)
    elseif type(format) == "number" then
        return read_bytes(self, format)
    end
    local name = (format or "l"):gsub("^%*", "")
    if name == "l" or name == "L" then
        return read_line(self, name == "L")
    elseif name ~= "a" then
        error(("there is no format %q"):format(tostring(format)), 2)
    end
    local well, text, code, status = read_ahead(self, math.huge)
    if not well then
        return nil, text, code, status
    end
    return take(self, #self.ahead)
end

---Lines until the end, for a for loop. Raises where it fails.
---@return fun(): string?
function File:lines()
    return function()
        local line, text = self:read("l")
        if not line and text then
            error(text, 0)
        end
        return line
    end
end

-- Writing, and the rest ----------------------------------------------------------------------------------------------

---Write all of it, and return the file.
---@param data string
---@return sessile.SFTPFile?, string?, integer?, (sessile.SFTPStatus|integer)?
function File:write(data)
    if self.closed then
        error("the file is closed", 2)
    end
    local its, start = self.client, self.position
    self.ahead = ""
    local moved, text, code, status = move(its, its.wire:deadline(its.timeout), {
        on_source = function(_, offset, size) return data:sub(offset - start + 1, offset - start + size) end,
    }, function(transfer) return transfer:put(self.handle, start) end)
    if not moved then
        return nil, text, code, status
    end
    self.position = start + #data
    return self
end

---Set the position, and return it. As io's: without arguments it is told.
---@param whence "set"|"cur"|"end"|nil "cur" without
---@param offset integer? 0 without
---@return integer?, string?, integer?, (sessile.SFTPStatus|integer)?
function File:seek(whence, offset)
    local from = self.position
    whence, offset = whence or "cur", offset or 0
    if whence == "set" then
        from = 0
    elseif whence == "end" then
        local found, text, code, status = self:stat()
        if not found then
            return nil, text, code, status
        end
        from = tonumber(found.size or 0)
    elseif whence ~= "cur" then
        error(("there is no place %q to seek from"):format(tostring(whence)), 2)
    end
    if from + offset < 0 then
        return nil, "a position before the file"
    elseif from + offset ~= self.position then
        self.position, self.ahead = from + offset, ""
    end
    return self.position
end

---Its attributes.
---@return sessile.SFTPAttrs?, string?, integer?, (sessile.SFTPStatus|integer)?
function File:stat() return ask(self, Request.attrs, "fstat") end

---Set attributes.
---@param values sessile.SFTPAttrs
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function File:setstat(values) return ask(self, nil, "fsetstat", values) end

---Set its size: the position, without one.
---@param size (integer|string)?
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function File:truncate(size)
    self.ahead = ""
    return self:setstat {size = size or self.position}
end

---Have its bytes reach the medium ("fsync").
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function File:sync() return ask(self, nil, "fsync") end

---About the file system that it is on.
---@return table<sessile.SFTPNumber, integer|string>?, string?, integer?, (sessile.SFTPStatus|integer)?
function File:statvfs() return ask(self, Request.numbers, "fstatvfs") end

---Close it. Some servers tell only now that a write has failed.
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function File:close()
    if self.closed then
        return true
    end
    self.closed = true
    local its = self.client
    return its:_ask(its.wire:deadline(its.timeout), nil, "close", self.handle)
end

---Close it, and do not wait for the answer.
function File:abort()
    if not self.closed then
        self.closed = true
        self.client:_let_go(self.handle)
    end
end

-- Lua 5.4: local file <close> = ...
File.__close = File.abort

-- Whole files --------------------------------------------------------------------------------------------------------

-- What a file is opened for; and it is closed.
local function with_file(file, work)
    local result, text, code, status = work(file)
    if not result then
        file:abort()
        return nil, text, code, status
    end
    local closed
    closed, text, code, status = file:close()
    if not closed then
        return nil, text, code, status
    end
    return result
end

---All of a file.
---@param path string
---@return string?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:read_file(path)
    local file, text, code, status = self:open(path)
    if not file then
        return nil, text, code, status
    end
    return with_file(file, function() return file:read "a" end)
end

---Make a file, or replace what is in it.
---@param path string
---@param data string
---@param values sessile.SFTPAttrs? of a file that is made
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:write_file(path, data, values)
    local file, text, code, status = self:open(path, "w", values)
    if not file then
        return nil, text, code, status
    end
    return with_file(file, function()
        local written
        written, text, code, status = file:write(data)
        return written and true, text, code, status
    end)
end

---Copy a file on the server ("copy_data").
---@param source string
---@param target string
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:copy(source, target)
    local one, text, code, status = self:open(source)
    if not one then
        return nil, text, code, status
    end
    return with_file(one, function()
        local other
        other, text, code, status = self:open(target, "w")
        if not other then
            return nil, text, code, status
        end
        return with_file(other, function()
            return self:_ask(self.wire:deadline(self.timeout), nil, "copy_data", one.handle, 0, 0, other.handle, 0)
        end)
    end)
end

return {SFTPFile = File, move = move}
