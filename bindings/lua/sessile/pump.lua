-- SPDX-License-Identifier: Apache-2.0
--
-- An io (see wire.lua) for drivers whose sockets make a coroutine wait: one task reads while the wire wants bytes, and
-- another sends while there is something to send. The socket gives receive() -> data, or nil and "closed" or what went
-- wrong; send(data) -> true, or nil and what went wrong; and close().

local Pump = {}
Pump.__index = Pump

---@param loop table
---@param socket table
function Pump.new(loop, socket)
    return setmetatable({loop = loop, socket = socket, queue = {}, queued = 0}, Pump)
end

local function read_all(self)
    local wire = self.wire
    while not self.closed do
        wire:wait(function() return self.closed or wire:wants() end)
        if self.closed then
            return
        end
        local data, problem = self.socket:receive()
        if self.closed then
            return
        elseif data then
            wire:arrived(data)
        elseif problem == "closed" then
            return wire:ended()
        else
            return wire:lost(problem)
        end
    end
end

function Pump:start(wire)
    self.wire = wire
    self.reader = self.loop.spawn(function() read_all(self) end, self.loop.report)
    self:_write()
end

-- The reader waits for the wire's word by itself.
function Pump:again() end

function Pump:pending() return self.queued end

local function write_all(self)
    while not self.closed and self.queue[1] do
        local data = table.concat(self.queue)
        self.queue = {}
        local sent, problem = self.socket:send(data)
        if self.closed then
            return
        elseif not sent then
            return self.wire:lost(problem)
        end
        self.queued = self.queued - #data
        self.wire:sent()
    end
    self.writing = false
    if self.finishing then
        self:abort()
    end
end

function Pump:_write()
    if not self.writing and not self.closed and self.wire and (self.queue[1] or self.finishing) then
        self.writing = true
        self.writer = self.loop.spawn(function() write_all(self) end, self.loop.report)
    end
end

function Pump:send(data)
    self.queue[#self.queue + 1] = data
    self.queued = self.queued + #data
    self:_write()
end

function Pump:finish()
    self.finishing = true
    self:_write()
end

function Pump:abort()
    if self.closed then
        return
    end
    self.closed = true
    self.queue, self.queued = {}, 0
    if self.loop.stop then
        self.loop.stop(self.reader)
        self.loop.stop(self.writer)
    end
    self.socket:close()
    if self.wire then
        self.wire:gone()
    end
end

return {Pump = Pump}
