-- SPDX-License-Identifier: Apache-2.0
--
-- An SSH server for coroutines: who may log in is decided by a handler's methods, and what clients run are Lua
-- functions, a task each. The names are those of sessile.asyncio in Python.

local core = require "sessile.core"
local flow = require "sessile.flow"

-- Processes ----------------------------------------------------------------------------------------------------------

---What a client asked to run: command (nil for a shell), or subsystem. read() and write() are its input and output.
---@class sessile.ServerProcess : sessile.Connection
---@field command string?
---@field subsystem string?
---@field env table<string, string>
---@field term string? the terminal's type; nil without one
---@field user string
---@field connection sessile.SSHServerConnection
---@field on_signal (fun(self: sessile.ServerProcess, name: string))? may not wait, nor may the next
---@field on_resize (fun(self: sessile.ServerProcess, columns: integer, rows: integer))?
local Process = setmetatable({}, {__index = flow.Connection})
Process.__index = Process

---As write(), on the second flow.
---@param data string
---@param timeout number?
---@return true?, string?, integer?, integer?
function Process:write_stderr(data, timeout)
    return flow.write_in_turn(self, self.stream.write_stderr, data, timeout)
end

---The terminal's columns and rows.
---@return integer, integer
function Process:size()
    local columns, rows = self.stream:terminal()
    return columns or 0, rows or 0
end

-- What cannot be told raises, and leaves room for another word: a client waits for one.
local function last_word(self, tell, ...)
    local stream = self.stream
    if self.told or stream.over then
        return
    end
    local told, text, code = tell(stream, ...)
    if not told and code == core.ERR_ARGUMENT then
        error(text, 3)
    end
    self.told = true
    stream:finish()
end

---End it with a status, 0 to 4294967295.
---@param status integer?
function Process:exit(status) last_word(self, self.stream.send_exit_status, status or 0) end

---End it as if by a signal, named without SIG.
---@param name string
---@param message string?
function Process:exit_signal(name, message) last_word(self, self.stream.send_exit_signal, name, false, message) end

local function hear(process, event)
    if event == "signal" and process.on_signal then
        process:on_signal(process.stream:signal())
    elseif event == "window_change" and process.on_resize then
        process:on_resize(process:size())
    end
end

-- What a handler of these raises is its own failure, and not the connection's.
local function on_event(process, event)
    local well, problem = pcall(hear, process, event)
    if not well then
        process.connection.options.report(problem)
    end
end

-- What it has not read must not keep the channel from closing.
local function drain(process)
    local reader = process.input
    reader.buffer:take()
    reader:insatiable()
    function reader.arrived(_, data) process.stream:consumed(#data) end
end

local function run(process, factory)
    local status = factory(process)
    if type(status) == "number" and (status < 0 or status ~= math.floor(status)) then
        error(("the command returned %s, which is no exit status"):format(tostring(status)), 0)
    end
    process:exit(type(status) == "number" and status or 0)
    drain(process)
end

-- Questions ----------------------------------------------------------------------------------------------------------

---A connection of a client's.
---@class sessile.SSHServerConnection
---@field session sessile.Session
---@field ssh sessile.SSH
---@field wire sessile.Wire
---@field peer string? the client's address
local Connection = {}
Connection.__index = Connection

-- Only true says yes: what a handler returns by mistake lets nobody in.
local function answer(question, verdict)
    if verdict == true then
        question:accept()
    else
        question:refuse()
    end
end

local function call(handler, name, ...)
    local method = handler[name]
    return method and method(handler, ...) or false
end

local function interact(question, verdict)
    if type(verdict) ~= "table" then
        answer(question, verdict)
        return
    end
    question:put("name", verdict.name or "")
    question:put("instruction", verdict.instruction or "")
    for _, prompt in ipairs(verdict) do
        question:put("prompt", prompt.text)
        question:put("echo", prompt.echo and "1" or "0")
    end
    question:accept()
end

local users = {}

function users.password(handler, question)
    answer(question, call(handler, "password", question:user(), question:password()))
end

function users.publickey(handler, question)
    local key = question:key()
    answer(question, key and call(handler, "public_key", question:user(), key, question:verified()))
end

function users.none(handler, question) answer(question, call(handler, "none", question:user())) end

users["keyboard-interactive"] = function(handler, question)
    interact(question, call(handler, "keyboard_interactive", question:user(), nil))
end

local requests = {}

requests["pty-req"] = function(self, process, question)
    local term, columns, rows = question:get("term") or "", question:number("columns"), question:number("rows")
    local allowed = not self.handler.terminal or self.handler:terminal(term, columns, rows) == true
    process.term = allowed and term or nil
    answer(question, allowed)
end

function requests.env(self, process, question)
    local name, value = question:get("name"), question:get("value")
    local allowed = call(self.handler, "variable", name, value) == true
    if allowed then
        process.env[name] = value
    end
    answer(question, allowed)
end

local function start(self, process, question)
    if process.started or not self.options.process_factory then
        question:refuse()
        return
    end
    process.started = true
    local kind = question:type()
    process.command = kind == "exec" and question:command() or nil
    process.subsystem = kind == "subsystem" and question:get("name") or nil
    question:accept()
    self.wire.loop.spawn(function() run(process, self.options.process_factory) end, function(problem)
        process:exit(1)
        drain(process)
        self.options.report(problem)
    end)
end

-- The conversation takes the channel over before the client hears of it: what that says comes right behind.
local function start_files(self, process, question, factory)
    local channel, handler = process.stream, factory
    if type(factory) == "function" then
        handler = factory(process)
    end
    process.started = true
    local served = handler and require("sessile.sftp_handler").serve(self.wire, channel, handler,
        self.options.report, function()
            channel:send_exit_status(0)
            self.processes[channel] = nil
        end)
    answer(question, served)
end

requests.exec, requests.shell = start, start

function requests.subsystem(self, process, question)
    local factory = self.options.sftp_factory
    if factory and question:get("name") == "sftp" and not process.started then
        start_files(self, process, question, factory)
    else
        start(self, process, question)
    end
end

local decide = {}

function decide.ssh_user(self, question)
    local of_method = users[question:method()]
    if of_method then
        of_method(self.handler, question)
    else
        question:refuse()
    end
end

function decide.ssh_responses(self, question)
    interact(question, call(self.handler, "keyboard_interactive", question:user(), question:responses()))
end

-- One after the other: a command waits for what is decided about its terminal and its variables.
function decide.ssh_request(self, question, process, turn)
    self.wire:wait(function() return process.turn == turn or self.session.over end)
    local request = requests[question:type()]
    if request then
        request(self, process, question)
    else
        question:refuse()
    end
    process.turn = turn + 1
    self.wire:wake()
end

-- A connection from here: what the handler returns for it is a function, the task that speaks on it.
function decide.ssh_channel(self, question)
    local kind, speak = question:type(), nil
    if kind == "direct-tcpip" then
        speak = call(self.handler, "open_tcp", question:host(), question:port())
    elseif kind == "direct-streamlocal@openssh.com" then
        speak = call(self.handler, "open_unix", question:get("path"))
    end
    if type(speak) ~= "function" then
        question:refuse()
        return
    end
    -- The channel comes first of all that comes while the question is accepted.
    self.speak = speak
    question:accept()
    self.speak = nil
end

local function accept_session(self, question)
    local options = self.options
    if options.process_factory or options.sftp_factory then
        question:accept()
    else
        question:refuse()
    end
end

local function turn_of(process)
    process.turns = process.turns + 1
    return process.turns
end

local function in_task(self, question, process)
    local work, turn = decide[question.kind], process and turn_of(process)
    self.wire.loop.spawn(function() work(self, question, process, turn) end, function(problem)
        question:refuse()
        if process then
            process.turn = turn + 1
        end
        self.wire:wake()
        self.options.report(problem)
    end)
end

function Connection:_question(question)
    local process
    if question.kind == "ssh_channel" and question:type() == "session" then
        accept_session(self, question)
        return
    elseif question.kind == "ssh_request" then
        process = self.processes[question:stream()]
    end
    if not decide[question.kind] or question.kind == "ssh_request" and not process or not question:keep() then
        question:refuse()
        return
    end
    in_task(self, question, process)
end

local function serve_channel(self, channel, speak)
    local connection = flow.Connection.new(self.wire, channel)
    self.wire.loop.spawn(function()
        speak(connection)
        if not channel.over then
            connection:finish()
        end
        connection:close()
    end, function(problem)
        connection:abort()
        self.options.report(problem)
    end)
end

function Connection:_stream(channel)
    local speak = self.speak
    if speak then
        self.speak = nil
        serve_channel(self, channel, speak)
        return
    end
    local process = flow.Connection.new(self.wire, channel, Process)
    process.env, process.connection, process.user = {}, self, self.ssh:user()
    process.turn, process.turns = 1, 0
    self.processes[channel] = process
    channel.on_event = function(_, event) on_event(process, event) end
    local closed = channel.on_closed
    channel.on_closed = function(...)
        self.processes[channel] = nil
        closed(...)
    end
end

---Serve a client over an open wire, until it has gone.
---@param wire sessile.Wire
---@param config sessile.SSHConfig
---@param options table
---@param peer string?
---@return sessile.SSHServerConnection?, string?, integer?
local function accept(wire, config, options, peer)
    local session = wire.session
    local self = setmetatable({wire = wire, session = session, processes = {}, options = options, peer = peer},
        Connection)
    self.handler = type(options.handler) == "function" and options.handler(self) or options.handler or {}
    self.handler.connection = self.handler.connection or type(options.handler) == "function" and self or nil
    session.on_question = function(_, question) self:_question(question) end
    session.on_stream = function(_, channel) self:_stream(channel) end
    local begun, text, code = session:ssh_accept(config, peer)
    if not begun then
        wire:abort()
        return nil, text, code
    end
    self.ssh = session.ssh
    wire:start()
    begun, text, code = wire:handshake(options.login_timeout or 120)
    if not begun then
        return nil, text, code
    end
    return self
end

return {accept = accept, Connection = Connection, Process = Process, ERR_REFUSED = core.ERR_REFUSED}
