-- SPDX-License-Identifier: Apache-2.0
--
-- The driver for cqueues. What waits is called inside a controller's coroutine (queue:wrap()); the tasks of this driver
-- are coroutines of that controller too.

local cqueues = require "cqueues"
local condition = require "cqueues.condition"
local endpoints = require "sessile.endpoints"
local errno = require "cqueues.errno"
local protect = require "sessile.protect"
local pump = require "sessile.pump"
local socket = require "cqueues.socket"

-- The most that is read at once, in bytes.
local CHUNK = 64 * 1024

local loop = {now = cqueues.monotime}

function loop.report(problem)
    io.stderr:write("sessile: ", tostring(problem), "\n")
end

function loop.spawn(call, failed)
    local queue = cqueues.running()
    if not queue then
        error("sessile.cqueues is used inside a controller: see wrap()", 0)
    end
    queue:wrap(function()
        local well, problem = protect(call)
        if not well then
            failed(problem)
        end
    end)
end

local Waiter = {}
Waiter.__index = Waiter

function loop.waiter() return setmetatable({condition = condition.new()}, Waiter) end

function Waiter:signal()
    self.signalled = true
    self.condition:signal()
end

function Waiter:wait(seconds)
    local deadline = seconds and loop.now() + seconds
    while not self.signalled do
        local left = deadline and deadline - loop.now()
        if left and left <= 0 then
            return false
        end
        self.condition:wait(left)
    end
    return true
end

-- Sockets ------------------------------------------------------------------------------------------------------------

local function text_of(problem) return type(problem) == "number" and errno.strerror(problem) or tostring(problem) end

-- Something to wait with for a socket that may be closed meanwhile.
local Pollable = {}
Pollable.__index = Pollable

local function new_pollable(sock)
    return setmetatable({socket = sock, ended = condition.new(), fd = sock:pollfd()}, Pollable)
end

function Pollable:wait(events)
    cqueues.poll({pollfd = self.fd, events = events}, self.ended)
end

-- Whoever waits for it is woken first, and finds it closed.
function Pollable:close()
    if not self.closed then
        self.closed = true
        self.ended:signal()
        cqueues.cancel(self.fd)
        self.socket:close()
    end
end

local Socket = setmetatable({}, {__index = Pollable})
Socket.__index = Socket

function Socket:receive()
    while not self.closed do
        local data, problem = self.socket:recv(-CHUNK, "bn")
        if data and data ~= "" then
            return data
        elseif problem ~= errno.EAGAIN then
            return nil, problem and problem ~= errno.EPIPE and text_of(problem) or "closed"
        end
        self:wait("r")
    end
    return nil, "closed"
end

function Socket:send(data)
    local from = 1
    while from <= #data and not self.closed do
        local sent, problem = self.socket:send(data, from, #data, "bn")
        from = from + (sent or 0)
        if problem and problem ~= errno.EAGAIN then
            return nil, text_of(problem)
        elseif from <= #data then
            self:wait("w")
        end
    end
    return true
end

local function new_io(sock)
    sock:setmode("bn", "bn")
    sock:settimeout(nil)
    sock:onerror(function(_, _, code) return code end)
    return pump.Pump.new(loop, setmetatable(new_pollable(sock), Socket))
end

-- Endpoints ----------------------------------------------------------------------------------------------------------

function loop.dial(host, port, timeout)
    local path = endpoints.unix_path(host)
    local sock, problem = socket.connect(path and {path = path} or {host = host, port = port, nodelay = true})
    if not sock then
        return nil, text_of(problem)
    end
    sock:onerror(function(_, _, code) return code end)
    local well
    well, problem = sock:connect(timeout)
    if not well then
        sock:close()
        return nil, problem == errno.ETIMEDOUT and "timeout" or text_of(problem)
    end
    return new_io(sock)
end

---An open socket of cqueues'.
function loop.adopt(sock) return new_io(sock) end

local function accept_all(pollable, path, accepted)
    while not pollable.closed do
        local connection = pollable.socket:accept({nodelay = not path}, 0)
        if connection then
            local address = not path and select(2, connection:peername()) or nil
            accepted(new_io(connection), address)
        else
            pollable:wait("r")
        end
    end
end

function loop.bind(host, port, accepted)
    local path = endpoints.unix_path(host)
    local sock, problem = socket.listen(path and {path = path}
        or {host = host == "" and "0.0.0.0" or host, port = port, reuseaddr = true})
    if not sock then
        return nil, text_of(problem)
    end
    sock:onerror(function(_, _, code) return code end)
    local well
    well, problem = sock:listen()
    if not well then
        sock:close()
        return nil, text_of(problem)
    end
    local pollable = new_pollable(sock)
    loop.spawn(function() accept_all(pollable, path, accepted) end, loop.report)
    local bound = not path and select(3, sock:localname()) or nil
    return {port = bound, close = function() pollable:close() end}
end

return endpoints.of(loop)
