-- SPDX-License-Identifier: Apache-2.0
--
-- The driver for nginx's Lua module (OpenResty's cosockets), wherever these are to be had: a location's content, a
-- timer. What is connected belongs to the request. nginx itself listens; start_tls() and serve() take
-- ngx.req.socket(true).
--
-- A light thread cannot be started from inside a callback, and can be stopped by its parent alone. So each request has
-- one more, which starts and stops all others of this driver, as long as a connection is open.

local endpoints = require "sessile.endpoints"
local pump = require "sessile.pump"
local semaphore = require "ngx.semaphore"

local ngx = ngx

-- The most that is read at once, in bytes; seconds that a semaphore waits at most; milliseconds that a socket waits:
-- who has less time says so, and nginx's own defaults would end what only rests.
local CHUNK, LONG, FOREVER = 64 * 1024, 3600, 2 ^ 31 - 1

local loop = {}

-- nginx's clock stands still while code runs.
function loop.now()
    ngx.update_time()
    return ngx.now()
end

function loop.report(problem) ngx.log(ngx.ERR, "sessile: ", tostring(problem)) end

-- Threads ------------------------------------------------------------------------------------------------------------

local function work_off(work)
    while work.open > 0 or work[1] do
        local call = table.remove(work, 1)
        if call then
            call()
        else
            work.signal:wait(LONG)
        end
    end
    ngx.ctx.sessile = nil
end

-- What this request has to start and to stop. Called in plain code only, where there is none yet.
local function work_of_request()
    local work = ngx.ctx.sessile
    if not work then
        work = {open = 0, signal = semaphore.new(0)}
        ngx.ctx.sessile = work
    end
    return work
end

local function add(work, call)
    work[#work + 1] = call
    work.signal:post(1)
end

local function run(task, call, failed)
    task.thread = ngx.thread.spawn(function()
        local well, problem = pcall(call)
        if not well then
            failed(problem)
        end
    end)
end

function loop.spawn(call, failed)
    local work, task = ngx.ctx.sessile, {}
    if work then
        add(work, function() run(task, call, failed) end)
    else
        run(task, call, failed)
    end
    return task
end

function loop.stop(task)
    local work = ngx.ctx.sessile
    if task and work then
        add(work, function()
            if task.thread then
                ngx.thread.kill(task.thread)
            end
        end)
    end
end

local Waiter = {}
Waiter.__index = Waiter

function loop.waiter() return setmetatable({semaphore = semaphore.new(0)}, Waiter) end

function Waiter:signal()
    if not self.signalled then
        self.signalled = true
        self.semaphore:post(1)
    end
end

function Waiter:wait(seconds)
    local deadline = seconds and loop.now() + seconds
    while not self.signalled do
        local left = deadline and deadline - loop.now() or LONG
        if left <= 0 then
            return false
        end
        -- In milliseconds, and 0 would not wait at all.
        self.semaphore:wait(math.max(left, 0.001))
    end
    return true
end

-- Sockets ------------------------------------------------------------------------------------------------------------

local Socket = {}
Socket.__index = Socket

function Socket:receive()
    repeat
        local data, problem = self.socket:receiveany(CHUNK)
        if data then
            return data
        elseif problem ~= "timeout" then
            return nil, problem
        end
    until self.closed
    return nil, "closed"
end

function Socket:send(data)
    return self.socket:send(data)
end

-- Not while a thread reads: by then those are stopped. The request's own connection has no close: its end is that.
function Socket:close()
    self.closed = true
    local work = self.work
    add(work, function()
        work.open = work.open - 1
        if self.socket.close then
            self.socket:close()
        end
    end)
end

local function new_io(sock)
    sock:settimeouts(nil, FOREVER, FOREVER)
    local work = work_of_request()
    work.open = work.open + 1
    if work.open == 1 and not work.begun then
        work.begun = true
        ngx.thread.spawn(work_off, work)
    end
    return pump.Pump.new(loop, setmetatable({socket = sock, work = work}, Socket))
end

-- Endpoints ----------------------------------------------------------------------------------------------------------

---Names are looked up by nginx's resolver.
function loop.dial(host, port, timeout)
    local sock = ngx.socket.tcp()
    if timeout then
        sock:settimeouts(math.max(timeout * 1000, 1), nil, nil)
    end
    local well, problem = sock:connect(host, port)
    if not well then
        return nil, problem
    end
    return new_io(sock)
end

---An open cosocket.
function loop.adopt(sock) return new_io(sock) end

function loop.bind()
    return nil, "it is nginx that listens"
end

return endpoints.of(loop)
