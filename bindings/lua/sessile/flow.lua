-- SPDX-License-Identifier: Apache-2.0
--
-- Streams for coroutines: read and write as in plain code, with what waits inside. What is not read keeps the peer
-- from sending on; a write waits for the peer, and for the queue to the wire.

local core = require "sessile.core"

-- The most bytes that the library is offered in one call, so that short writes do not copy all that follows each time.
local PIECE = 128 * 1024
-- The longest line, in bytes.
local LINE = 1024 * 1024

local function is_dead(who) return type(who) == "thread" and coroutine.status(who) == "dead" end

-- Bytes in the order they came in, taken from the front.
local Buffer = {}
Buffer.__index = Buffer

function Buffer.new() return setmetatable({size = 0, first = 1, last = 0}, Buffer) end

function Buffer:push(data)
    self.last = self.last + 1
    self[self.last] = data
    self.size = self.size + #data
end

function Buffer:_take_first()
    local data = self[self.first]
    self[self.first] = nil
    self.first = self.first + 1
    self.size = self.size - #data
    return data
end

function Buffer:_give_back(data)
    if data ~= "" then
        self.first = self.first - 1
        self[self.first] = data
        self.size = self.size + #data
    end
end

---At most so many bytes; all without a number.
function Buffer:take(size)
    if not size or size >= self.size then
        size = self.size
    end
    local found, have = {}, 0
    while have < size do
        local data = self:_take_first()
        if have + #data > size then
            self:_give_back(data:sub(size - have + 1))
            data = data:sub(1, size - have)
        end
        found[#found + 1] = data
        have = have + #data
    end
    return #found == 1 and found[1] or table.concat(found)
end

---Where the next newline is, from 1; what was looked through already is not looked through again.
function Buffer:newline()
    local from = self.looked and self.looked + 1 or self.first
    local at = self.looked and self.looked_size or 0
    for index = from, self.last do
        local found = self[index]:find("\n", 1, true)
        if found then
            return at + found
        end
        at = at + #self[index]
        self.looked, self.looked_size = index, at
    end
end

---One direction's bytes, for whoever reads them.
---@class sessile.Reader
local Reader = {}
Reader.__index = Reader

-- hungry: who waits for more than there is: coroutines, and what will never be satisfied.
function Reader.new(flow) return setmetatable({flow = flow, buffer = Buffer.new(), owed = 0, hungry = {}}, Reader) end

function Reader:arrived(data)
    self.buffer:push(data)
    self.owed = self.owed + #data
    if self:_is_hungry() then
        self:_pay()
    end
    self.flow.wire:wake()
end

-- One that has died waiting wants nothing any more.
function Reader:_is_hungry()
    for who in pairs(self.hungry) do
        if not is_dead(who) then
            return true
        end
        self.hungry[who] = nil
    end
end

-- From now on all that arrives is wanted, or dropped.
function Reader:insatiable()
    self.hungry[self] = true
    self:_pay()
end

function Reader:_pay()
    local owed = self.owed
    if owed > 0 and not self.flow.stream.over then
        self.owed = 0
        self.flow.stream:consumed(owed)
    end
end

-- What the peer may send on for: what has been read.
function Reader:_read(size)
    local data = self.buffer:take(size)
    local left = self.buffer.size
    if self.owed > left and not self.flow.stream.over then
        local done = self.owed - left
        self.owed = left
        self.flow.stream:consumed(done)
    end
    self.buffer.looked = nil
    return data
end

function Reader:_at_end() return self.ended or self.flow.stream.over end

-- Wait for more than there is. Who waits so wants all that arrives meanwhile.
function Reader:_more(enough, deadline)
    if enough() or self:_at_end() then
        return true
    end
    local who = coroutine.running() or 0
    self.hungry[who] = true
    self:_pay()
    local well, problem = self.flow.wire:wait(function() return enough() or self:_at_end() end, deadline)
    self.hungry[who] = nil
    return well, problem
end

function Reader:_line(keep_newline, deadline)
    local buffer, at = self.buffer, nil
    local well, problem = self:_more(function()
        at = buffer:newline()
        return at or buffer.size > LINE
    end, deadline)
    if not well then
        return nil, problem
    elseif at then
        local line = self:_read(at)
        return keep_newline and line or line:sub(1, -2)
    elseif not self:_at_end() then
        return nil, "the line is too long", core.ERR_LIMIT
    elseif buffer.size > 0 and not self.flow:_failure() then
        return self:_read()
    end
    return self.flow:_end()
end

function Reader:_all(deadline)
    local well, problem = self:_more(function() return false end, deadline)
    if not well then
        return nil, problem
    elseif self.flow:_failure() then
        return self.flow:_end()
    end
    return self:_read()
end

function Reader:_some(least, most, deadline)
    local buffer = self.buffer
    if buffer.size < least then
        local well, problem = self:_more(function() return buffer.size >= least end, deadline)
        if not well then
            return nil, problem
        end
    end
    if buffer.size > 0 then
        return self:_read(most)
    end
    return self.flow:_end()
end

function Reader:read(format, timeout)
    local deadline = self.flow.wire:deadline(timeout or self.flow.timeout)
    if format == nil then
        return self:_some(1, nil, deadline)
    elseif type(format) == "number" then
        if format < 0 or format ~= math.floor(format) or format == math.huge then
            error(("there are no %s bytes to read"):format(tostring(format)), 3)
        end
        -- 0: whether there is something, or the end.
        return self:_some(math.max(format, 1), format, deadline)
    end
    local name = tostring(format):gsub("^%*", "")
    if name == "l" or name == "L" then
        return self:_line(name == "L", deadline)
    elseif name == "a" then
        return self:_all(deadline)
    end
    error(("there is no format %q"):format(tostring(format)), 3)
end

---A stream with plain reads and writes: a TLS connection, a channel to somewhere, a command's input and output.
---@class sessile.Connection
---@field stream sessile.Stream
---@field session sessile.Session
---@field timeout number? seconds that an operation may take; nil for ever
---@field wire sessile.Wire
local Connection = {}
Connection.__index = Connection

---@param wire sessile.Wire
---@param stream sessile.Stream
function Connection.new(wire, stream, class)
    local self = setmetatable({wire = wire, session = wire.session, stream = stream}, class or Connection)
    self.input = Reader.new(self)
    stream:set_manual(true)
    stream.on_data = function(_, data) self.input:arrived(data) end
    stream.on_end = function()
        self.input.ended = true
        wire:wake()
    end
    stream.on_writable = function()
        self.writable = true
        wire:wake()
    end
    stream.on_closed = function(_, message, code, reason)
        self.message, self.code, self.reason = message, code, reason
        wire:wake()
    end
    return self
end

---Seconds that each operation may take from now on; nil: for ever. What takes longer returns nil, "timeout", and may be
---tried again: no byte is lost.
---@param seconds number?
function Connection:settimeout(seconds) self.timeout = seconds end

-- Why it failed; nothing where it ended cleanly or is open.
function Connection:_failure()
    if self.code then
        local text, code = self.wire:error()
        if code == self.code then
            return text, code
        end
        return self.message, self.code
    end
end

-- What reading returns at the end: nil alone where it is a clean one.
function Connection:_end()
    local text, code = self:_failure()
    if code then
        return nil, text, code
    end
    return nil
end

---Read: without a format what there is, at least one byte; a number: so many bytes, fewer only at the end (0: "" once
---there is something); "l" a line
---without its end, "L" with it, "a" all until the end. nil alone says that the peer has ended, cleanly.
---@param format integer|"l"|"L"|"a"|nil
---@param timeout number? seconds, in place of settimeout's
---@return string?, string?, integer?
function Connection:read(format, timeout)
    return self.input:read(format, timeout)
end

---Lines until the end, for a for loop. Raises where it is not a clean one.
---@return fun(): string?
function Connection:lines()
    return function()
        local line, text = self:read("l")
        if not line and text then
            error(text, 0)
        end
        return line
    end
end

local function write_with(self, put, data, timeout)
    local wire, stream = self.wire, self.stream
    local deadline, from = wire:deadline(timeout or self.timeout), 1
    while from <= #data do
        if stream.over then
            return nil, self:_failure() or "closed", self.code or core.ERR_CLOSED
        end
        self.writable = false
        local rest = (from == 1 and #data <= PIECE) and data or data:sub(from, from + PIECE - 1)
        local well, taken, text, code = pcall(put, stream, rest)
        if not well then
            self.writing = false
            error(taken, 0)
        elseif not taken then
            return nil, text, code
        end
        from = from + taken
        if taken < #rest then
            local problem
            well, problem = wire:wait(function() return self.writable or stream.over end, deadline)
            if not well then
                return nil, problem, nil, from - 1
            end
        end
    end
    return true
end

-- Whoever died while it wrote keeps nobody waiting.
local function may_write(self)
    return not self.writing or self.stream.over or is_dead(self.writing)
end

-- One writer after the other: what each writes stays together.
local function in_turn(self, put, data, timeout)
    if type(data) ~= "string" then
        error("a string to write expected, got " .. type(data), 3)
    elseif self.writing then
        local deadline = self.wire:deadline(timeout or self.timeout)
        local well, problem = self.wire:wait(function() return may_write(self) end, deadline)
        if not well then
            return nil, problem, nil, 0
        end
    end
    self.writing = coroutine.running() or true
    local done, text, code, taken = write_with(self, put, data, timeout)
    self.writing = false
    self.wire:wake()
    return done, text, code, taken
end

---Send all of it. Waits while the peer, or the queue to the wire, takes no more. What a timeout interrupts returns nil,
---"timeout", nil and how many bytes are on their way.
---@param data string
---@param timeout number? seconds, in place of settimeout's
---@return true?, string?, integer?, integer?
function Connection:write(data, timeout)
    return in_turn(self, self.stream.write, data, timeout)
end

---Half close: nothing more will be written; data still arrives.
---@return true?, string?, integer?
function Connection:finish() return self.stream:finish() end

---End gracefully, and wait until it has, within so many seconds (10, unless shutdown_timeout said otherwise). Of a
---channel that is the channel's end alone.
---@param timeout number?
---@return true?, string?, integer?
function Connection:close(timeout)
    if getmetatable(self.stream) == require("sessile.stream").Channel then
        return self:_close_channel(timeout)
    end
    self.input:insatiable()
    return self.wire:close(timeout)
end

function Connection:_close_channel(timeout)
    local stream = self.stream
    if not stream.over then
        stream:abort()
    end
    return self.wire:wait(function() return stream.over end, self.wire:deadline(timeout or self.wire.shutdown_timeout))
end

---End at once: nothing more is sent.
function Connection:abort()
    if getmetatable(self.stream) == require("sessile.stream").Channel then
        if not self.stream.over then
            self.stream:abort()
        end
    else
        self.wire:abort()
    end
end

-- Lua 5.4: local connection <close> = ...
Connection.__close = Connection.abort

return {Connection = Connection, Reader = Reader, write_in_turn = in_turn}
