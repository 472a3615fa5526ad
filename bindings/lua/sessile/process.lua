-- SPDX-License-Identifier: Apache-2.0
--
-- Commands of an SSH client: started, spoken with, and run to their end. And channels for them, which may be refused.

local core = require "sessile.core"
local flow = require "sessile.flow"
local known_options = require "sessile.options"

-- Processes ----------------------------------------------------------------------------------------------------------

---A command that runs. read() and write() are its output and its input, read_stderr() its second flow: both share the
---channel's window, so that read both, or say stderr = "drop" or "join". finish() ends its input.
---@class sessile.Process : sessile.Connection
---@field command string?
local Process = setmetatable({}, {__index = flow.Connection})
Process.__index = Process
Process.__close = flow.Connection.__close

---Read from the second flow: as read().
---@param format integer|"l"|"L"|"a"|nil
---@param timeout number?
---@return string?, string?, integer?
function Process:read_stderr(format, timeout)
    return self.errors:read(format, timeout)
end

local function drop(reader, data) reader.flow.stream:consumed(#data) end

-- While somebody waits for its end.
local function drop_output(process, on)
    process.waiting = (process.waiting or 0) + (on and 1 or -1)
    for _, reader in ipairs {process.input, process.errors} do
        if on then
            reader.buffer:take()
            reader:_pay()
            reader.arrived = drop
        elseif process.waiting == 0 then
            reader.arrived = nil
        end
    end
end

---Wait until it has ended, and return its status; where a signal ended it nil, a text, nil and the signal's name.
---What it writes is dropped meanwhile.
---@param timeout number?
---@return integer?, string?, integer?, string?
function Process:wait(timeout)
    local stream, wire = self.stream, self.wire
    drop_output(self, true)
    local well, problem = wire:wait(function() return stream.over end, wire:deadline(timeout or self.timeout))
    drop_output(self, false)
    if not well then
        return nil, problem
    elseif stream.exit_status then
        return stream.exit_status
    elseif stream.exit_signal then
        return nil, "ended by signal " .. stream.exit_signal, nil, stream.exit_signal
    end
    local text, code = self:_failure()
    return nil, text or "it ended without a status", code
end

---Send a signal, named without SIG.
---@param name string
---@return true?, string?, integer?
function Process:send_signal(name) return self.stream:send_signal(name) end

---Tell the terminal's new size.
---@param columns integer
---@param rows integer
---@return true?, string?, integer?
function Process:resize(columns, rows) return self.stream:window_change(columns, rows) end

-- Channels -----------------------------------------------------------------------------------------------------------

-- What a channel's peer does with requests, in order.
local function ask(connection, deadline, request, ...)
    local stream, wire = connection.stream, connection.wire
    local well, asked, text, code = pcall(request, stream, ...)
    if not well then
        connection:abort()
        error(asked, 0)
    elseif not asked then
        return nil, text, code
    end
    local answer
    local replies = connection.replies
    replies[#replies + 1] = function(accepted) answer = accepted end
    well, text = wire:wait(function() return answer ~= nil or stream.over end, deadline)
    if not well then
        return nil, text
    elseif stream.over and not answer then
        return nil, connection:_failure() or "closed", connection.code or core.ERR_CLOSED
    end
    return answer
end

local function opened(wire, channel, class, deadline)
    local connection = flow.Connection.new(wire, channel, class)
    local open
    connection.replies = {}
    channel.on_open = function()
        open = true
        wire:wake()
    end
    channel.on_reply = function(_, accepted)
        local reply = table.remove(connection.replies, 1)
        -- There is none where the program has made a request of its own on the channel.
        if reply then
            reply(accepted)
        end
        wire:wake()
    end
    local well, problem = wire:wait(function() return open or channel.over end, deadline)
    if not well then
        connection:abort()
        return nil, problem
    elseif not open then
        return nil, connection.message or "closed", connection.code or core.ERR_CLOSED, connection.reason
    end
    return connection
end

-- A connection that is over says why, in place of that there is no channel.
local function no_channel(client, text, code)
    if not client.session.over then
        return nil, text, code
    end
    local why, its = client.wire:error()
    return nil, why or "closed", its or core.ERR_CLOSED
end

-- Starting -----------------------------------------------------------------------------------------------------------

---@class sessile.ProcessOptions
---@field env table<string, string>? variables; the server decides about each
---@field terminal sessile.Terminal|true|nil
---@field subsystem string? start that, in place of a command
---@field stderr "drop"|"join"|nil what becomes of the second flow
---@field timeout number? seconds until it has started

local function hear_errors(process, how)
    local reader = flow.Reader.new(process)
    process.errors = reader
    process.stream.on_stderr = function(stream, data)
        if how == "drop" then
            stream:consumed(#data)
        elseif how == "join" then
            process.input:arrived(data)
        else
            reader:arrived(data)
        end
    end
end

local function prepare(process, deadline, options)
    local stream = process.stream
    for name, value in pairs(options.env or {}) do
        local _, text, code = ask(process, deadline, stream.request_env, name, value)
        if text then
            return nil, text, code
        end
    end
    if options.terminal then
        local terminal = options.terminal ~= true and options.terminal or {}
        local given, text, code = ask(process, deadline, stream.request_pty, terminal)
        if not given then
            return nil, text or "the server gives no terminal", code or core.ERR_REFUSED
        end
    end
    return true
end

local function launch(process, deadline, command, options)
    local stream, well, text, code = process.stream, prepare(process, deadline, options)
    if well and options.subsystem then
        well, text, code = ask(process, deadline, stream.request_subsystem, options.subsystem)
    elseif well and command then
        well, text, code = ask(process, deadline, stream.request_exec, command)
    elseif well then
        well, text, code = ask(process, deadline, stream.request_shell)
    end
    if well then
        return process
    end
    process:abort()
    return nil, text or "the server does not start it", code or (not text and core.ERR_REFUSED) or nil
end

local START = {
    env = "table", terminal = "table|boolean", subsystem = "string", stderr = "string", timeout = "number",
}
local RUN = known_options.known(START, {input = "string", check = "boolean"})
START = known_options.known(START)

local function check(command, options, known)
    if command ~= nil and type(command) ~= "string" then
        error("a command is a string, and not a " .. type(command), 4)
    end
    local checked = known_options.check(options, known, 4)
    if checked.stderr and checked.stderr ~= "drop" and checked.stderr ~= "join" then
        error(("the option \"stderr\" is \"drop\" or \"join\", and not %q"):format(checked.stderr), 4)
    end
    return checked
end

local function begin(client, command, options)
    local deadline = client.wire:deadline(options.timeout or client.timeout)
    local channel, text, code = client.ssh:open_session()
    if not channel then
        return no_channel(client, text, code)
    end
    local process
    process, text, code = opened(client.wire, channel, Process, deadline)
    if not process then
        return nil, text, code
    end
    process.command, process.timeout = command, client.timeout
    hear_errors(process, options.stderr)
    return launch(process, deadline, command, options)
end

---As Client:create_process().
local function start(client, command, options)
    return begin(client, command, check(command, options, START))
end

-- Running ------------------------------------------------------------------------------------------------------------

---@class sessile.RunOptions : sessile.ProcessOptions
---@field input string? what it reads
---@field check boolean? a status other than 0 is a failure: nil, a text, nil and the result
---@field timeout number? seconds until it has ended; then it is closed, and "timeout" is returned

---@class sessile.CompletedProcess
---@field command string
---@field stdout string
---@field stderr string
---@field exit_status integer?
---@field exit_signal string?

-- Everything that it writes, as it comes.
local function gather(process)
    local found = {stdout = {}, stderr = {}}
    for name, reader in pairs {stdout = process.input, stderr = process.errors} do
        local list = found[name]
        function reader.arrived(_, data)
            list[#list + 1] = data
            process.stream:consumed(#data)
        end
        if reader.buffer.size > 0 then
            list[1] = reader:_read()
        end
    end
    return found
end

local function feed(process, input, deadline)
    local left = deadline and math.max(deadline - process.wire.loop.now(), 0)
    local well, text, code
    if input and input ~= "" then
        well, text, code = process:write(input, left)
        -- It may end without having read everything.
        if not well and not process.stream.over then
            return nil, text, code
        end
    end
    if not process.stream.over then
        process:finish()
    end
    return true
end

local function completed(process, found)
    local stream = process.stream
    return {
        command = process.command,
        stdout = table.concat(found.stdout),
        stderr = table.concat(found.stderr),
        exit_status = stream.exit_status,
        exit_signal = stream.exit_signal,
    }
end

local function how_it_ended(result)
    if result.exit_signal then
        return "ended by signal " .. result.exit_signal
    end
    return "ended with status " .. tostring(result.exit_status)
end

-- What is read and written until the process has ended.
local function complete(process, options, deadline)
    local found = gather(process)
    local well, text, code = feed(process, options.input, deadline)
    if well then
        well, text = process.wire:wait(function() return process.stream.over end, deadline)
    end
    if not well then
        process:abort()
        return nil, text, code
    end
    text, code = process:_failure()
    if code then
        return nil, text, code
    end
    local result = completed(process, found)
    if options.check and result.exit_status ~= 0 then
        return nil, how_it_ended(result), nil, result
    end
    return result
end

---As Client:run().
local function run(client, command, options)
    options = check(command, options, RUN)
    if not command and not options.subsystem then
        error("run needs a command", 3)
    end
    local deadline = client.wire:deadline(options.timeout or client.timeout)
    local process, text, code = begin(client, command, options)
    if not process then
        return nil, text, code
    end
    return complete(process, options, deadline)
end

return {Process = Process, opened = opened, no_channel = no_channel, start = start, run = run}
