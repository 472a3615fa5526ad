-- SPDX-License-Identifier: Apache-2.0
--
-- The driver for libuv: the module luv, and Neovim, whose own it is (vim.uv, vim.loop). What waits is called inside a
-- coroutine, such as spawn() makes; the loop is the program's to run.

local endpoints = require "sessile.endpoints"

local vim = rawget(_G, "vim")
local uv = vim and (vim.uv or vim.loop) or require "luv"

local loop = {}

-- Writing to a connection that the peer has closed fails, and does not end the program.
local broken_pipe = uv.new_signal()
broken_pipe:start("sigpipe", function() end)
broken_pipe:unref()

function loop.now()
    uv.update_time()
    return uv.now() / 1000
end

-- What an error is told to that nobody waits for. Neovim shows it; luv would end the program where it was raised from a
-- callback of the loop.
function loop.report(problem)
    if vim then
        vim.schedule(function() error(tostring(problem), 0) end)
    else
        io.stderr:write("sessile: ", tostring(problem), "\n")
    end
end

-- Tasks --------------------------------------------------------------------------------------------------------------

local queue, alarm = {}, nil

local function run_queue()
    while queue[1] do
        local now = queue
        queue = {}
        for index = 1, #now do
            local well, problem = pcall(now[index])
            if not well then
                loop.report(problem)
            end
        end
    end
end

---Call a function from the loop, and not from inside of what runs now.
function loop.soon(call)
    queue[#queue + 1] = call
    alarm = alarm or uv.new_timer()
    if not alarm:is_active() then
        alarm:start(0, 0, run_queue)
    end
end

local failures = setmetatable({}, {__mode = "k"})

local function go_on(task)
    if coroutine.status(task) ~= "suspended" then
        return
    end
    local well, problem = coroutine.resume(task)
    if not well then
        local failed = failures[task]
        if failed then
            failed(problem)
        else
            error(problem, 0)
        end
    end
end

function loop.spawn(call, failed)
    local task = coroutine.create(call)
    failures[task] = failed
    loop.soon(function() go_on(task) end)
end

local Waiter = {}
Waiter.__index = Waiter

function loop.waiter() return setmetatable({}, Waiter) end

local function wake(self, signalled)
    if self.over then
        return
    end
    self.over, self.signalled = true, signalled
    if self.timer then
        self.timer:stop()
        self.timer:close()
    end
    if self.task then
        -- By then somebody else may have resumed it, and it waits for something else.
        loop.soon(function()
            if self.task then
                go_on(self.task)
            end
        end)
    end
end

function Waiter:signal() wake(self, true) end

local function current()
    local task, main = coroutine.running()
    if not task or main then
        error("sessile.luv waits in coroutines only: see spawn()", 0)
    end
    return task
end

function Waiter:wait(seconds)
    self.task = current()
    if seconds and not self.over then
        self.timer = uv.new_timer()
        self.timer:start(math.ceil(seconds * 1000), 0, function() wake(self, false) end)
    end
    while not self.over do
        coroutine.yield()
    end
    self.task = nil
    return self.signalled
end

-- Connections --------------------------------------------------------------------------------------------------------

local Io = {}
Io.__index = Io

local function new_io(handle) return setmetatable({handle = handle, sending = 0, queue = {}}, Io) end

local function on_read(self, problem, data)
    local wire = self.wire
    if self.closed then
        return
    elseif data then
        wire:arrived(data)
        if not self.closed and not wire:wants() and self.reading then
            self.handle:read_stop()
            self.reading = false
        end
    else
        self.handle:read_stop()
        self.reading, self.at_end = false, true
        if problem then
            wire:lost(problem)
        else
            wire:ended()
        end
    end
end

function Io:start(wire)
    self.wire = wire
    local early = self.queue
    self.queue = nil
    for _, data in ipairs(early) do
        self.sending = self.sending - #data
        self:send(data)
    end
    self:again()
    if self.finishing then
        self:finish()
    end
end

function Io:again()
    if self.wire and not self.reading and not self.closed and not self.at_end then
        self.reading = true
        local begun, problem = self.handle:read_start(function(failed, data) on_read(self, failed, data) end)
        if not begun then
            self.reading, self.at_end = false, true
            loop.soon(function() self.wire:lost(problem) end)
        end
    end
end

function Io:pending() return self.sending end

local function on_sent(self, size, problem)
    self.sending = self.sending - size
    if self.closed then
        return
    elseif problem then
        self.wire:lost(problem)
    else
        self.wire:sent()
        self:_close_when_sent()
    end
end

-- What fails at once, fails from the loop as well: the session is in the middle of something.
function Io:send(data)
    if self.closed then
        return
    end
    self.sending = self.sending + #data
    if self.queue then
        self.queue[#self.queue + 1] = data
        return
    end
    local request, problem = self.handle:write(data, function(failed) on_sent(self, #data, failed) end)
    if not request then
        loop.soon(function() on_sent(self, #data, problem) end)
    end
end

function Io:_close_when_sent()
    if self.finishing and self.sending == 0 and self.wire then
        self:abort()
    end
end

function Io:finish()
    self.finishing = true
    self:_close_when_sent()
end

function Io:abort()
    if self.closed then
        return
    end
    self.closed = true
    if not self.handle:is_closing() then
        self.handle:close()
    end
    if self.wire then
        self.wire:gone()
    end
end

-- Endpoints ----------------------------------------------------------------------------------------------------------

-- Begin something that calls back, and wait for it, or for the time to be over.
local function await(timeout, begin)
    local waiter, found = loop.waiter(), nil
    local begun, problem = begin(function(...)
        found = found or {...}
        waiter:signal()
    end)
    if not begun then
        return problem or "failed"
    end
    if not waiter:wait(timeout) then
        return "timeout"
    end
    return found[1], found[2]
end

local function deadline_of(timeout) return timeout and loop.now() + timeout end

local function new_pipe() return uv.new_pipe(false) end

-- What a pipe does not have.
local function without_delay(handle)
    if handle.nodelay then
        handle:nodelay(true)
    end
end

local function connected(handle, timeout, connect)
    local problem = await(timeout, connect)
    if problem then
        handle:close()
        return nil, problem
    end
    without_delay(handle)
    return new_io(handle)
end

local function dial_address(address, port, timeout)
    local handle = uv.new_tcp()
    return connected(handle, timeout, function(done) return handle:connect(address, port, done) end)
end

local function dial_path(path, timeout)
    local handle = new_pipe()
    return connected(handle, timeout, function(done) return handle:connect(path, done) end)
end

function loop.dial(host, port, timeout)
    local path = endpoints.unix_path(host)
    if path then
        return dial_path(path, timeout)
    end
    local deadline = deadline_of(timeout)
    local problem, found = await(timeout, function(done)
        return uv.getaddrinfo(host, nil, {socktype = "stream"}, done)
    end)
    if problem then
        return nil, problem
    end
    for _, each in ipairs(found) do
        local left = deadline and math.max(deadline - loop.now(), 0)
        local io, text = dial_address(each.addr, port, left)
        if io then
            return io
        end
        problem = text
    end
    return nil, problem or "there is no such host"
end

---An open stream of libuv's: a TCP connection, a pipe.
function loop.adopt(handle) return new_io(handle) end

local function accept(listener, accepted, new_handle)
    local handle = new_handle()
    if not listener:accept(handle) then
        handle:close()
        return
    end
    without_delay(handle)
    local peer = handle:getpeername()
    accepted(new_io(handle), type(peer) == "table" and peer.ip or nil)
end

-- What cannot be an address is raised.
local function bind_handle(handle, path, host, port)
    if path then
        return handle:bind(path)
    end
    local address = host == "" and "0.0.0.0" or host == "localhost" and "127.0.0.1" or host
    local able, well, problem = pcall(handle.bind, handle, address, port)
    if able then
        return well, problem
    end
    return nil, well
end

function loop.bind(host, port, accepted, options)
    local path = endpoints.unix_path(host)
    local new_handle = path and new_pipe or uv.new_tcp
    local handle = new_handle()
    local well, problem = bind_handle(handle, path, host, port)
    if well then
        well, problem = handle:listen(options.backlog or 128, function(failed)
            if not failed then
                accept(handle, accepted, new_handle)
            end
        end)
    end
    if not well then
        handle:close()
        return nil, problem
    end
    local listener = {port = not path and handle:getsockname().port or nil}
    function listener.close()
        if not handle:is_closing() then
            handle:close()
        end
    end
    return listener
end

return endpoints.of(loop)
