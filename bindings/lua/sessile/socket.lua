-- SPDX-License-Identifier: Apache-2.0
--
-- The driver for LuaSocket. What waits blocks the program, in which meanwhile everything goes on that this driver has
-- to do: in a task that spawn() has made, it is the task alone that waits. So the same code is a blocking client, and a
-- server with a task for each connection (run()).
--
-- One select() waits for all sockets: at most some thousand of them. Names are looked up by the system, which blocks.

local endpoints = require "sessile.endpoints"
local socket = require "socket"

-- The most that is read at once, in bytes.
local CHUNK = 64 * 1024
-- select() has no room for a descriptor of that number.
local ROOM = socket._SETSIZE or 1024

local loop = {now = socket.gettime}

function loop.report(problem)
    io.stderr:write("sessile: ", tostring(problem), "\n")
end

-- Tasks --------------------------------------------------------------------------------------------------------------

local queue, first, last = {}, 1, 0
local timers = {}
local reading, writing = {}, {}
local tasks = setmetatable({}, {__mode = "k"})

local function soon(call)
    last = last + 1
    queue[last] = call
end

local function run_queue()
    local until_here = last
    while first <= until_here do
        local call = queue[first]
        queue[first] = nil
        first = first + 1
        call()
    end
end

local function go_on(task)
    if coroutine.status(task) == "suspended" then
        local well, problem = coroutine.resume(task)
        if not well then
            tasks[task](problem)
        end
    end
end

function loop.spawn(call, failed)
    local task = coroutine.create(call)
    tasks[task] = failed
    soon(function() go_on(task) end)
end

-- What is due is called; returns the seconds until the next is, or nil.
local function run_timers()
    local now, next_due = loop.now(), nil
    for waiter, due in pairs(timers) do
        if due <= now then
            timers[waiter] = nil
            waiter:_over(false)
        elseif not next_due or due < next_due then
            next_due = due
        end
    end
    return next_due and next_due - now
end

local function keys_of(map)
    local list = {}
    for key in pairs(map) do
        list[#list + 1] = key
    end
    return list
end

local function step(most)
    run_queue()
    local patience = run_timers()
    if first <= last then
        patience = 0
    elseif most and (not patience or most < patience) then
        patience = most
    end
    if not patience and not next(reading) and not next(writing) then
        return
    end
    local readable, writable = socket.select(keys_of(reading), keys_of(writing), patience)
    for _, each in ipairs(readable) do
        local call = reading[each]
        if call then
            call()
        end
    end
    for _, each in ipairs(writable) do
        local call = writing[each]
        if call then
            call()
        end
    end
end

local Waiter = {}
Waiter.__index = Waiter

function loop.waiter() return setmetatable({}, Waiter) end

function Waiter:_over(signalled)
    if self.over then
        return
    end
    self.over, self.signalled = true, signalled
    timers[self] = nil
    if self.task then
        -- By then somebody else may have resumed it, and it waits for something else.
        soon(function()
            if self.task then
                go_on(self.task)
            end
        end)
    end
end

function Waiter:signal() self:_over(true) end

function Waiter:wait(seconds)
    local due = seconds and loop.now() + seconds
    timers[self] = due
    local running = coroutine.running()
    if running and tasks[running] then
        self.task = running
        while not self.over do
            coroutine.yield()
        end
        self.task = nil
        return self.signalled
    end
    while not self.over do
        if not due and first > last and not next(reading) and not next(writing) and not next(timers) then
            error("nothing can happen any more that this waits for", 0)
        end
        step(due and math.max(due - loop.now(), 0))
    end
    return self.signalled
end

-- Connections --------------------------------------------------------------------------------------------------------

local Io = {}
Io.__index = Io

local function new_io(sock)
    if sock:getfd() >= ROOM then
        return nil, ("there are too many sockets for select(): %d"):format(ROOM)
    end
    sock:settimeout(0)
    return setmetatable({socket = sock, queue = {}, queued = 0}, Io)
end

local function on_readable(self)
    local data, problem, some = self.socket:receive(CHUNK)
    local wire = self.wire
    data = data or some
    if data and data ~= "" then
        wire:arrived(data)
    end
    if self.closed then
        return
    elseif problem and problem ~= "timeout" then
        reading[self.socket] = nil
        self.at_end = true
        if problem == "closed" then
            wire:ended()
        else
            wire:lost(problem)
        end
    elseif not wire:wants() then
        reading[self.socket] = nil
    end
end

local function flush(self)
    while self.queue[1] and not self.closed do
        local data = #self.queue == 1 and self.queue[1] or table.concat(self.queue)
        local sent, problem, some = self.socket:send(data)
        local count = sent or some or 0
        self.queued = self.queued - count
        self.queue = {count < #data and data:sub(count + 1) or nil}
        if problem == "timeout" then
            return true
        elseif not sent then
            return nil, problem
        end
    end
    return true
end

local function on_writable(self)
    writing[self.socket] = nil
    self.waiting = false
    if self.closed then
        return
    end
    local well, problem = flush(self)
    if not well then
        self.wire:lost(problem)
        return
    end
    self:_write_later()
    self.wire:sent()
    if self.finishing and not self.queue[1] then
        self:abort()
    end
end

function Io:start(wire)
    self.wire = wire
    self:_write_later()
    self:again()
end

function Io:again()
    if self.wire and not self.closed and not self.at_end then
        reading[self.socket] = reading[self.socket] or function() on_readable(self) end
    end
end

-- Sending waits for the loop: the session is in the middle of something, and has perhaps more to send.
function Io:_write_later()
    if self.wire and not self.waiting and not self.closed and (self.queue[1] or self.finishing) then
        self.waiting = true
        writing[self.socket] = function() on_writable(self) end
    end
end

function Io:pending() return self.queued end

function Io:send(data)
    self.queue[#self.queue + 1] = data
    self.queued = self.queued + #data
    self:_write_later()
end

function Io:finish()
    self.finishing = true
    self:_write_later()
end

function Io:abort()
    if self.closed then
        return
    end
    self.closed = true
    reading[self.socket], writing[self.socket] = nil, nil
    self.socket:close()
    if self.wire then
        self.wire:gone()
    end
end

-- Endpoints ----------------------------------------------------------------------------------------------------------

local function until_writable(sock, seconds)
    local waiter = loop.waiter()
    writing[sock] = function()
        writing[sock] = nil
        waiter:signal()
    end
    local well = waiter:wait(seconds)
    writing[sock] = nil
    return well
end

local function connect(sock, seconds, begin)
    local io, problem = new_io(sock)
    if not io then
        return nil, problem
    end
    local done
    done, problem = begin()
    if not done and (problem == "timeout" or problem == "Operation already in progress") then
        if not until_writable(sock, seconds) then
            return nil, "timeout"
        end
        done, problem = begin()
        done = done or problem == "already connected"
    end
    if not done then
        return nil, problem
    end
    return io
end

local function dial_address(address, family, port, seconds)
    local sock, problem = (family == "inet6" and socket.tcp6 or socket.tcp4)()
    if not sock then
        return nil, problem
    end
    local io
    io, problem = connect(sock, seconds, function() return sock:connect(address, port) end)
    if io then
        sock:setoption("tcp-nodelay", true)
    else
        sock:close()
    end
    return io, problem
end

local function new_unix()
    local unix = require "socket.unix"
    return (type(unix) == "table" and unix.stream or unix)()
end

local function dial_path(path, seconds)
    local sock = new_unix()
    local io, problem = connect(sock, seconds, function() return sock:connect(path) end)
    if not io then
        sock:close()
    end
    return io, problem
end

function loop.dial(host, port, timeout)
    local path = endpoints.unix_path(host)
    if path then
        return dial_path(path, timeout)
    end
    local deadline = timeout and loop.now() + timeout
    local found, problem = socket.dns.getaddrinfo(host)
    for _, each in ipairs(found or {}) do
        local io, text = dial_address(each.addr, each.family, port, deadline and math.max(deadline - loop.now(), 0))
        if io then
            return io
        end
        problem = text
    end
    return nil, problem or "there is no such host"
end

---An open socket of LuaSocket's.
function loop.adopt(sock) return new_io(sock) end

local function on_connection(listener, path, accepted)
    local sock = listener:accept()
    if not sock then
        return
    end
    local peer = not path and sock:getpeername() or nil
    if not path then
        sock:setoption("tcp-nodelay", true)
    end
    local connection, problem = new_io(sock)
    if connection then
        accepted(connection, peer)
    else
        sock:close()
        loop.report(problem)
    end
end

local function bind_path(path, backlog)
    local sock = new_unix()
    local well, problem = sock:bind(path)
    if well then
        well, problem = sock:listen(backlog)
    end
    if not well then
        sock:close()
        return nil, problem
    end
    return sock
end

function loop.bind(host, port, accepted, options)
    local path, backlog = endpoints.unix_path(host), options.backlog or 128
    local sock, problem, io
    if path then
        sock, problem = bind_path(path, backlog)
    else
        sock, problem = socket.bind(host == "" and "*" or host, port, backlog)
    end
    if not sock then
        return nil, problem
    end
    io, problem = new_io(sock)
    if not io then
        sock:close()
        return nil, problem
    end
    reading[sock] = function() on_connection(sock, path, accepted) end
    local listener = {port = not path and tonumber((select(2, sock:getsockname()))) or nil}
    function listener.close()
        reading[sock] = nil
        sock:close()
    end
    return listener
end

local driver = endpoints.of(loop)

---Carry on until nothing is left to do: no task that can go on, no socket that is open. call: spawned before.
---@param call fun()?
function driver.run(call)
    if call then
        loop.spawn(call, loop.report)
    end
    while first <= last or next(reading) or next(writing) or next(timers) do
        step()
    end
end

---Do what can be done within so many seconds, for a program that has a loop of its own.
---@param seconds number?
function driver.step(seconds) step(seconds or 0) end

return driver
