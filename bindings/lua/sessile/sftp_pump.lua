-- SPDX-License-Identifier: Apache-2.0
--
-- Between a transfer of SFTP and a function that takes or gives its bytes and may wait: that is called in a task of its
-- own, and a queue stands between the two. The transfer rests while the queue is full, or empty.

-- What may stand in the queue, in bytes.
local HIGH = 1024 * 1024

---@class sessile.SFTPPump
---@field raised any[]? what the function has raised
---@field refusal any[]? the text and the code that it has ended the transfer with
local Pump = {}
Pump.__index = Pump

function Pump.new(wire)
    return setmetatable({wire = wire, first = 1, last = 0, size = 0, from = 1, finished = true}, Pump)
end

function Pump:_push(value, size)
    self.last = self.last + 1
    self[self.last] = value
    self.size = self.size + size
end

function Pump:_front() return self[self.first] end

function Pump:_pop(size)
    self[self.first] = nil
    self.first = self.first + 1
    self.size = self.size - size
end

-- What a function says that takes or gives bytes: as on_send of a session, false, and nil with something behind it, are
-- no.
local function refused(result, text) return result == false or result == nil and text ~= nil end

function Pump:_refuse(text, code)
    self.refusal = {text or "the transfer was stopped", code}
    self:_stop()
end

function Pump:_stop()
    self.stopped = true
    self.transfer:stop()
end

---Begin, when the transfer has begun.
function Pump:run(transfer)
    self.transfer, self.finished = transfer, false
    self.wire.loop.spawn(function()
        self:work()
        self.finished = true
        self.wire:wake()
    end, function(problem)
        self.raised = {problem}
        self.finished = true
        self:_stop()
        self.wire:wake()
    end)
end

---Nothing more is moved: the function is not called again, but for what is left to take, unless that is dropped.
function Pump:over(drop)
    self.is_over, self.stopped = true, self.stopped or drop
    self.wire:wake()
end

-- A function that takes -----------------------------------------------------------------------------------------------

local Sink = setmetatable({}, {__index = Pump})
Sink.__index = Sink

local function sink_work(self)
    while true do
        self.wire:wait(function() return self:_front() or self.is_over or self.stopped end)
        local piece = self:_front()
        if not piece or self.stopped then
            return
        end
        local result, text, code = self.call(piece.data, piece.offset)
        if refused(result, text) then
            return self:_refuse(text, code)
        end
        self:_pop(#piece.data)
        if self.paused and self.size < HIGH then
            self.paused = false
            self.transfer:resume()
        end
    end
end

---@param wire sessile.Wire
---@param call fun(data: string, offset: integer): any
---@return sessile.SFTPPump
---@return table callbacks of the transfer
local function sink(wire, call)
    local self = setmetatable(Pump.new(wire), Sink)
    self.call, self.work = call, sink_work
    return self, {on_sink = function(_, offset, data)
        self:_push({offset = offset, data = data}, #data)
        self.paused = self.size >= HIGH
        wire:wake()
        return self.paused
    end}
end

-- A function that gives -----------------------------------------------------------------------------------------------

local Source = setmetatable({}, {__index = Pump})
Source.__index = Source

local function source_work(self)
    while not self.stopped do
        local data, text, code = self.call()
        if refused(data, text) then
            return self:_refuse(text, code)
        elseif data == nil then
            self.at_end = true
            self.transfer:resume()
            return
        elseif type(data) ~= "string" then
            error("a source gives strings, and nil at the end: it gave a " .. type(data), 0)
        elseif data ~= "" then
            self:_push(data, #data)
            self.transfer:resume()
            self.wire:wait(function() return self.size < HIGH or self.stopped end)
        end
    end
end

-- At most so many bytes from the front.
function Source:_take(size)
    local data = self:_front()
    if not data then
        return self.at_end and "" or nil
    end
    local piece = self.from == 1 and #data <= size and data or data:sub(self.from, self.from + size - 1)
    self.from = self.from + #piece
    if self.from > #data then
        self:_pop(#data)
        self.from = 1
        self.wire:wake()
    end
    return piece
end

---@param wire sessile.Wire
---@param call fun(): string?, string?, integer?
---@return sessile.SFTPPump
---@return table callbacks of the transfer
local function source(wire, call)
    local self = setmetatable(Pump.new(wire), Source)
    self.call, self.work = call, source_work
    return self, {on_source = function(_, _, size) return self:_take(size) end}
end

return {sink = sink, source = source}
