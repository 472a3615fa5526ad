-- SPDX-License-Identifier: Apache-2.0
--
-- A driver of one's own: the module's clients and servers on the event loop of an application (host.c). All that it
-- takes is a clock, tasks, something to wait with, and sockets whose receive and send make a task wait.

local endpoints = require "sessile.endpoints"
local pump = require "sessile.pump"

local host = host
local loop = {now = host.now}

function loop.report(problem) host.print("a task failed: " .. tostring(problem)) end

function loop.spawn(call, failed)
    return host.spawn(function()
        local well, problem = pcall(call)
        if not well then
            failed(problem)
        end
    end)
end

local Waiter = {}
Waiter.__index = Waiter

function loop.waiter() return setmetatable({}, Waiter) end

function Waiter:signal()
    self.signalled = true
    if self.task then
        host.wake(self.task)
    end
end

function Waiter:wait(seconds)
    local deadline = seconds and host.now() + seconds
    self.task = coroutine.running()
    while not self.signalled and not (deadline and host.now() >= deadline) do
        host.wait(nil, nil, deadline and deadline - host.now())
    end
    return self.signalled
end

local Socket = {}
Socket.__index = Socket

function Socket:receive()
    while not self.closed do
        local data, problem = host.receive(self.fd)
        if data then
            return data ~= "" and data or nil, "closed"
        elseif problem ~= "again" then
            return nil, problem
        end
        host.wait(self.fd, "r")
    end
    return nil, "closed"
end

function Socket:send(data)
    local from = 0
    while from < #data and not self.closed do
        local sent, problem = host.send(self.fd, data, from)
        if sent then
            from = from + sent
        elseif problem ~= "again" then
            return nil, problem
        else
            host.wait(self.fd, "w")
        end
    end
    return true
end

function Socket:close()
    self.closed = true
    host.close(self.fd)
end

local function new_io(fd) return pump.Pump.new(loop, setmetatable({fd = fd}, Socket)) end

function loop.adopt(fd) return new_io(fd) end

function loop.dial(address, port, timeout)
    local fd, problem = host.connect(address, port)
    if not fd then
        return nil, problem
    end
    local deadline = timeout and host.now() + timeout
    local well
    repeat
        host.wait(fd, "w", deadline and deadline - host.now())
        well, problem = host.check(fd)
    until problem ~= "again" or (deadline and host.now() >= deadline)
    if not well then
        host.close(fd)
        return nil, problem == "again" and "timeout" or problem
    end
    return new_io(fd)
end

function loop.bind(address, port, accepted)
    local fd, bound = host.listen(address, port)
    if not fd then
        return nil, bound
    end
    local open = true
    host.spawn(function()
        while open do
            local connection, peer = host.accept(fd)
            if connection then
                accepted(new_io(connection), peer)
            else
                host.wait(fd, "r")
            end
        end
    end)
    return {
        port = bound,
        close = function()
            if open then
                open = false
                host.close(fd)
            end
        end,
    }
end

return endpoints.of(loop)
