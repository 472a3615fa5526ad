-- SPDX-License-Identifier: Apache-2.0
--
-- An SSH client for coroutines, over whatever wire a driver has: log in, run commands, be connected through the server.
-- The names are those of sessile.asyncio in Python.

local constants = require "sessile.constants"
local keys = require "sessile.keys"
local known_options = require "sessile.options"
local process = require "sessile.process"
local ssh = require "sessile.ssh"
local trust = require "sessile.trust"

-- Keepalives that may stay unanswered.
local KEEPALIVES = 3

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

---Start a command, or without one the user's shell.
---@param command string?
---@param options sessile.ProcessOptions?
---@return sessile.Process?, string?, integer?
function Client:create_process(command, options)
    return process.start(self, command, options)
end

---Run a command, and return what it wrote and how it ended.
---@param command string
---@param options sessile.RunOptions?
---@return sessile.CompletedProcess?, string?, integer?, sessile.CompletedProcess?
function Client:run(command, options)
    return process.run(self, command, options)
end

---A connection from the server to host and port.
---@param host string
---@param port integer
---@param timeout number?
---@return sessile.Connection?, string?, integer?
function Client:open_connection(host, port, timeout)
    local channel, text, code = self.ssh:open_tcp(host, port)
    if not channel then
        return process.no_channel(self, text, code)
    end
    return process.opened(self.wire, channel, nil, self.wire:deadline(timeout or self.timeout))
end

---The same to a Unix socket of the server's.
---@param path string
---@param timeout number?
---@return sessile.Connection?, string?, integer?
function Client:open_unix_connection(path, timeout)
    local channel, text, code = self.ssh:open_unix(path)
    if not channel then
        return process.no_channel(self, text, code)
    end
    return process.opened(self.wire, channel, nil, self.wire:deadline(timeout or self.timeout))
end

---Files of the server's: start SFTP, and wait until it is ready.
---@param options sessile.SFTPOptions?
---@return sessile.SFTPClient?, string?, integer?
function Client:sftp(options) return require("sessile.sftp_copy").open(self, options) end

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
    if accept and key and accept(question:host(), question:port(), key) == true then
        question:accept()
    elseif not client.session.over then
        client.wire.refusal = ("the host key of %s is not known: %s"):format(where, question:fingerprint())
        question:refuse()
    end
end

-- An answer that does not fit is no answer.
local function accept(question, items)
    if not question:accept(items) then
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
        accept(question, {method = method, password = password})
    elseif method == "keyboard-interactive" then
        accept(question, {method = method})
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
        accept(question, {response = responses})
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
                return wire:lost(("the peer has not answered %d keepalives"):format(KEEPALIVES))
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
    local data
    data, text = file:read("*a")
    file:close()
    if not data then
        return nil, ("%s: %s"):format(path, text or "it cannot be read")
    end
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

local OPTIONS = known_options.known {
    port = "number", username = "string", known_hosts = "string|table", accept_host_key = "function",
    client_keys = "table", passphrase = "string|function", password = "string|function", prompts = "function",
    on_banner = "function", config = "table", over = "any", connect_timeout = "number", login_timeout = "number",
    shutdown_timeout = "number", keepalive_interval = "number", timeout = "number",
}

local function check_options(host, options)
    known_options.check(options, OPTIONS, 5)
    if not options or type(options.username) ~= "string" then
        error("connect needs a username", 5)
    elseif type(host) ~= "string" then
        error("connect needs the name of a host, by which its key is known", 5)
    end
end

---Log in over an open wire.
---@param make_wire fun(): sessile.Wire?, string?, integer?
---@param host string
---@param options sessile.ConnectOptions
---@return sessile.SSHClient?, string?, integer?
local function connect(make_wire, host, options)
    check_options(host, options)
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
    local well
    well, begun, text, code = pcall(session.ssh_connect, session, config, host, options.username, options.port or 22)
    if not well or not begun then
        wire:abort()
        if not well then
            error(begun, 0)
        end
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

return {connect = connect, Client = Client, Process = process.Process, read_file = read_file, constants = constants}
