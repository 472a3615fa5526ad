-- SPDX-License-Identifier: Apache-2.0
--
-- An SSH client for coroutines, over whatever wire a driver has: log in, run commands, be connected through the server.
-- The names are those of sessile.asyncio in Python.

local constants = require "sessile.constants"
local core = require "sessile.core"
local flow = require "sessile.flow"
local keys = require "sessile.keys"
local ssh = require "sessile.ssh"
local trust = require "sessile.trust"

-- Keepalives that may stay unanswered.
local KEEPALIVES = 3

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

---Wait until it has ended, and return its status; where a signal ended it nil, a text, nil and the signal's name.
---What it writes is dropped meanwhile.
---@param timeout number?
---@return integer?, string?, integer?, string?
function Process:wait(timeout)
    local stream, wire = self.stream, self.wire
    for _, reader in ipairs {self.input, self.errors} do
        reader.buffer:take()
        reader.hungry = true
        reader:_pay()
        function reader.arrived(which, data)
            which.flow.stream:consumed(#data)
        end
    end
    local well, problem = wire:wait(function() return stream.over end, wire:deadline(timeout or self.timeout))
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
    local asked, text, code = request(stream, ...)
    if not asked then
        return nil, text, code
    end
    local answer
    local replies = connection.replies
    replies[#replies + 1] = function(accepted) answer = accepted end
    local well, problem = wire:wait(function() return answer ~= nil or stream.over end, deadline)
    if not well then
        return nil, problem
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
        reply(accepted)
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

-- The client ---------------------------------------------------------------------------------------------------------

---A connection to a server. connect() of a driver makes them.
---@class sessile.SSHClient
---@field session sessile.Session
---@field ssh sessile.SSH
---@field wire sessile.Wire
---@field host string
---@field username string
---@field timeout number? seconds that an operation may take; nil for ever
local Client = {}
Client.__index = Client

---Seconds that each operation may take from now on; nil: for ever.
---@param seconds number?
function Client:settimeout(seconds) self.timeout = seconds end

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

---Start a command, or without one the user's shell.
---@param command string?
---@param options sessile.ProcessOptions?
---@return sessile.Process?, string?, integer?
function Client:create_process(command, options)
    options = options or {}
    local deadline = self.wire:deadline(options.timeout or self.timeout)
    local channel, text, code = self.ssh:open_session()
    if not channel then
        return nil, text, code
    end
    local process
    process, text, code = opened(self.wire, channel, Process, deadline)
    if not process then
        return nil, text, code
    end
    process.command, process.timeout = command, self.timeout
    hear_errors(process, options.stderr)
    return launch(process, deadline, command, options)
end

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

---Run a command, and return what it wrote and how it ended.
---@param command string
---@param options sessile.RunOptions?
---@return sessile.CompletedProcess?, string?, integer?, sessile.CompletedProcess?
function Client:run(command, options)
    options = options or {}
    local deadline = self.wire:deadline(options.timeout or self.timeout)
    local process, text, code = self:create_process(command, options)
    if not process then
        return nil, text, code
    end
    local found = gather(process)
    local well
    well, text, code = feed(process, options.input, deadline)
    if well then
        well, text = self.wire:wait(function() return process.stream.over end, deadline)
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

---A connection from the server to host and port.
---@param host string
---@param port integer
---@param timeout number?
---@return sessile.Connection?, string?, integer?
function Client:open_connection(host, port, timeout)
    local channel, text, code = self.ssh:open_tcp(host, port)
    if not channel then
        return nil, text, code
    end
    return opened(self.wire, channel, nil, self.wire:deadline(timeout or self.timeout))
end

---The same to a Unix socket of the server's.
---@param path string
---@param timeout number?
---@return sessile.Connection?, string?, integer?
function Client:open_unix_connection(path, timeout)
    local channel, text, code = self.ssh:open_unix(path)
    if not channel then
        return nil, text, code
    end
    return opened(self.wire, channel, nil, self.wire:deadline(timeout or self.timeout))
end

---End gracefully, and wait until it has, within so many seconds (10, unless shutdown_timeout said otherwise).
---@param timeout number?
---@return true?, string?, integer?
function Client:close(timeout) return self.wire:close(timeout) end

---End at once.
function Client:abort() self.wire:abort() end

-- Lua 5.4: local client <close> = ...
Client.__close = Client.abort

-- Questions ----------------------------------------------------------------------------------------------------------

local answers = {}

-- What is given as a function is called, and may wait.
local function told(value, ...)
    if type(value) == "function" then
        return value(...)
    end
    return value
end

function answers.ssh_host_key(client, question, options)
    local key, accept = question:key(), options.accept_host_key
    local where = ("%s, port %d"):format(question:host(), question:port())
    if accept and key and accept(question:host(), question:port(), key) then
        question:accept()
    elseif not client.session.over then
        client.wire.refusal = ("the host key of %s is not known: %s"):format(where, question:fingerprint())
        question:refuse()
    end
end

-- The first method that is left to try, and that there is something for.
local function method_of(client, question, options)
    for _, method in ipairs(question:methods()) do
        local has = method == "password" and options.password
            or method == "keyboard-interactive" and (options.prompts or options.password)
        if has and not client.shown[method] then
            client.shown[method] = true
            return method
        end
    end
end

function answers.ssh_authenticate(client, question, options)
    local method = method_of(client, question, options)
    local password = method == "password" and told(options.password) or nil
    if method == "password" and password then
        question:accept {method = method, password = password}
    elseif method == "keyboard-interactive" then
        question:accept {method = method}
    else
        question:refuse()
    end
end

function answers.ssh_prompts(_, question, options)
    local prompts, responses = question:prompts(), nil
    if options.prompts then
        responses = options.prompts(question:get("name") or "", question:get("instruction") or "", prompts)
    elseif #prompts == 0 then
        responses = {}
    elseif #prompts == 1 and not prompts[1].echo then
        local password = told(options.password)
        responses = password and {password}
    end
    if responses then
        question:accept {response = responses}
    else
        question:refuse()
    end
end

local function on_question(client, options, question)
    local answer = answers[question.kind]
    if not answer or not question:keep() then
        question:refuse()
        return
    end
    client.wire.loop.spawn(function() answer(client, question, options) end, function(problem)
        question:refuse()
        client.wire.loop.report(problem)
    end)
end

-- Connecting ---------------------------------------------------------------------------------------------------------

local function keep_alive(client, interval)
    local wire, session, unanswered = client.wire, client.session, 0
    session.on_notice = function(_, notice, data)
        if notice == "ssh_alive" then
            unanswered = 0
        elseif notice == "ssh_banner" and client.on_banner then
            client.on_banner(data)
        end
    end
    if not interval then
        return
    end
    wire.loop.spawn(function()
        while not wire:wait(function() return session.over end, wire:deadline(interval)) do
            if unanswered >= KEEPALIVES then
                wire.refusal = ("the peer has not answered %d keepalives"):format(KEEPALIVES)
                return wire:abort()
            end
            unanswered = unanswered + 1
            client.ssh:keepalive()
        end
    end, wire.loop.report)
end

local function read_file(path)
    local file, text = io.open(path, "rb")
    if not file then
        return nil, text
    end
    local data = file:read("*a")
    file:close()
    return data
end

local function known_hosts_of(value)
    if type(value) ~= "string" then
        return value or trust.KnownHosts.read("")
    end
    local data, text = read_file(value)
    if not data then
        return nil, text
    end
    return trust.KnownHosts.read(data)
end

local function key_of(value, passphrase)
    if type(value) ~= "string" then
        return value
    end
    local data, text = read_file(value)
    if not data then
        return nil, text
    end
    return keys.Key.read(data, told(passphrase, value))
end

-- A config of the options: theirs, or a new one.
local function config_of(options)
    local config, text, code = options.config, nil, nil
    if not config then
        config, text, code = ssh.SSHConfig.client()
    end
    if config and (options.known_hosts or not options.config) then
        local hosts
        hosts, text, code = known_hosts_of(options.known_hosts)
        config = hosts and config
        if config then
            config, text, code = config:set_known_hosts(hosts)
        end
    end
    for _, value in ipairs(options.client_keys or {}) do
        local key
        if config then
            key, text, code = key_of(value, options.passphrase)
            config = key and config
        end
        if config then
            config, text, code = config:add_user_key(key)
        end
    end
    return config, text, code
end

local OPTIONS = {}
for name in ("port username known_hosts accept_host_key client_keys passphrase password prompts on_banner config over "
    .. "connect_timeout login_timeout shutdown_timeout keepalive_interval timeout"):gmatch("%S+") do
    OPTIONS[name] = true
end

---Raise where there is an option that is not known, so that a misspelt one is not passed over in silence.
local function check_options(options)
    for name in pairs(options) do
        if not OPTIONS[name] then
            error(("there is no option %q"):format(tostring(name)), 4)
        end
    end
    if type(options.username) ~= "string" then
        error("connect needs a username", 4)
    end
end

---Log in over an open wire.
---@param make_wire fun(): sessile.Wire?, string?, integer?
---@param host string
---@param options sessile.ConnectOptions
---@return sessile.SSHClient?, string?, integer?
local function connect(make_wire, host, options)
    check_options(options)
    local config, text, code = config_of(options)
    if not config then
        return nil, text, code
    end
    local wire
    wire, text, code = make_wire()
    if not wire then
        return nil, text, code
    end
    local session = wire.session
    local client = setmetatable({wire = wire, session = session, host = host, username = options.username, shown = {},
        timeout = options.timeout, on_banner = options.on_banner}, Client)
    session.on_question = function(_, question) on_question(client, options, question) end
    session.on_stream = function(_, channel) channel:abort() end
    keep_alive(client, options.keepalive_interval)
    local begun
    begun, text, code = session:ssh_connect(config, host, options.username, options.port or 22)
    if not begun then
        wire:abort()
        return nil, text, code
    end
    client.ssh = session.ssh
    wire:start()
    begun, text, code = wire:handshake(options.login_timeout or 120)
    if not begun then
        return nil, text, code
    end
    return client
end

---@class sessile.ConnectOptions
---@field username string
---@field port integer? 22
---@field known_hosts sessile.KnownHosts|string|nil the hosts that are known, or a file of them; else none is
---@field accept_host_key (fun(host: string, port: integer, key: sessile.Key): boolean)? asked about an unknown host,
---which is refused without it; it may wait, as may the functions that follow
---@field client_keys (sessile.Key|string)[]? keys, or files of them
---@field passphrase string|(fun(path: string): string?)|nil of those that are encrypted
---@field password string|(fun(): string?)|nil
---@field prompts (fun(name: string, instruction: string, prompts: sessile.Prompt[]): string[]?)? the answers of
---keyboard-interactive
---@field on_banner fun(text: string)|nil what the server says before the login: escape it before it is shown
---@field config sessile.SSHConfig? what else is to be set
---@field over any an open socket of the driver's, to use in place of a new connection
---@field connect_timeout number? seconds
---@field login_timeout number? seconds; 120
---@field shutdown_timeout number? seconds that the end may take; 10
---@field keepalive_interval number? seconds
---@field timeout number? as settimeout()

return {connect = connect, Client = Client, Process = Process, read_file = read_file, constants = constants}
