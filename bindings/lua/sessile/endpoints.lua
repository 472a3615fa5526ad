-- SPDX-License-Identifier: Apache-2.0
--
-- The functions that every driver has, made of its loop: clients and servers of TLS and SSH. A loop gives, beside what
-- wire.lua needs, dial(host, port, timeout) and adopt(socket), which return an io or nil and a text, and
-- bind(host, port, accepted, options), which calls accepted(io, peer) for each connection and returns a listener that
-- has a port and close().

local client = require "sessile.client"
local flow = require "sessile.flow"
local keys = require "sessile.keys"
local server = require "sessile.server"
local ssh = require "sessile.ssh"
local tls = require "sessile.tls"
local wire = require "sessile.wire"

-- Seconds.
local HANDSHAKE_TIMEOUT = 60

local function new_wire(loop, io, options)
    return wire.Wire.new(loop, io, options)
end

local function begin_tls(loop, io, options, begin)
    local carrier, text, code = new_wire(loop, io, options)
    if not carrier then
        return nil, text, code
    end
    local stream
    stream, text, code = begin(carrier.session)
    if not stream then
        carrier:abort()
        return nil, text, code
    end
    local connection = flow.Connection.new(carrier, stream)
    connection.timeout = options.timeout
    connection.tls = carrier.session.tls
    carrier.session.on_question = options.on_question
    carrier.session.on_notice = options.on_notice
    carrier:start()
    local well
    well, text, code = carrier:handshake(options.handshake_timeout or HANDSHAKE_TIMEOUT)
    if not well then
        return nil, text, code
    end
    return connection
end

local function connect_tls(loop, io, host, options)
    local config = options.config
    if not config then
        local made, text, code = tls.TLSConfig.client()
        if not made then
            io:abort()
            return nil, text, code
        end
        config = made
    end
    return begin_tls(loop, io, options, function(session)
        return session:tls_connect(config, options.server_hostname or host, options)
    end)
end

-- Servers ------------------------------------------------------------------------------------------------------------

---@class sessile.Server
---@field port integer
---@field connections table<table, true> those that are open
local Server = {}
Server.__index = Server

local function new_server(loop, wires)
    return setmetatable({loop = loop, connections = {}, wires = wires}, Server)
end

---Listen no more, end the connections gracefully, and wait for it; those that have not within so many seconds (10) end
---at once then.
---@param timeout number?
---@return true?, string?
function Server:close(timeout)
    self.closed = true
    self.listener:close()
    local deadline = self.loop.now() + (timeout or 10)
    local in_time = true
    for carrier in pairs(self.wires) do
        if not carrier.session.over then
            carrier.session:finish()
        end
    end
    local carrier = next(self.wires)
    while carrier do
        local that = carrier
        if not that:wait(function() return that.is_gone end, deadline) then
            in_time = false
            that:abort()
        end
        self.wires[that] = nil
        carrier = next(self.wires)
    end
    if in_time then
        return true
    end
    return nil, "timeout"
end

-- Have a task serve each connection. serve(io, peer, note): note(wire) tells of the wire, so that closing ends it.
local function listen_with(loop, host, port, options, serve)
    local self = new_server(loop, {})
    local function accepted(io, peer)
        if self.closed then
            io:abort()
            return
        end
        local carrier
        local function done()
            if carrier then
                self.wires[carrier] = nil
            end
        end
        loop.spawn(function()
            serve(io, peer, function(which)
                carrier = which
                self.wires[which] = true
            end)
            done()
        end, function(problem)
            io:abort()
            done()
            options.report(problem)
        end)
    end
    local listener, text = loop.bind(host, port, accepted, options)
    if not listener then
        return nil, text
    end
    self.listener, self.port = listener, listener.port
    return self
end

local function with_report(loop, options)
    local copy = {}
    for name, value in pairs(options) do
        copy[name] = value
    end
    copy.report = options.on_error or loop.report
    return copy
end

local function start_server(loop, handler, host, port, options)
    if not options.config then
        error("start_server needs a config", 3)
    end
    options = with_report(loop, options)
    local checked, text, code = options.config:check()
    if not checked then
        return nil, text, code
    end
    return listen_with(loop, host, port, options, function(io, _, note)
        local connection = begin_tls(loop, io, options, function(session)
            note(session.wire)
            return session:tls_accept(options.config)
        end)
        if connection then
            handler(connection)
            connection:close()
        end
    end)
end

local function server_config(options)
    local config, text, code = options.config, nil, nil
    if not config then
        config, text, code = ssh.SSHConfig.server()
    end
    for _, value in ipairs(options.server_host_keys or {}) do
        local key = value
        if type(value) == "string" then
            local data
            data, text = client.read_file(value)
            if not data then
                return nil, text
            end
            key, text, code = keys.Key.read(data)
        end
        if not key or not config then
            return nil, text, code
        end
        config, text, code = config:add_host_key(key)
    end
    if not config then
        return nil, text, code
    end
    return config:check()
end

local function serve_ssh(loop, io, peer, config, options, note)
    local carrier = new_wire(loop, io, options)
    if not carrier then
        return
    end
    note(carrier)
    local connection = server.accept(carrier, config, options, peer)
    if connection then
        carrier:wait(function() return carrier.is_gone end)
    end
end

local function listen(loop, host, port, options)
    local config, text, code = server_config(options)
    if not config then
        return nil, text, code
    end
    options = with_report(loop, options)
    return listen_with(loop, host, port, options, function(io, peer, note)
        serve_ssh(loop, io, peer, config, options, note)
    end)
end

-- The driver's functions ---------------------------------------------------------------------------------------------

---@class sessile.TLSConnectOptions
---@field config sessile.TLSConfig? without it, one that verifies the server against the system's trust
---@field server_hostname string? whom the certificate must be for, in place of the host
---@field ticket string? what the notice "tls_ticket" brought
---@field connect_timeout number? seconds
---@field handshake_timeout number? seconds; 60
---@field shutdown_timeout number? seconds that the end may take; 10
---@field timeout number? as settimeout()
---@field on_question (fun(session: sessile.Session, question: sessile.Question))?
---@field on_notice (fun(session: sessile.Session, notice: sessile.Notice, data: string))?

---@class sessile.Driver
local Driver = {}
Driver.__index = Driver

local function of(loop)
    local driver = setmetatable({loop = loop}, Driver)

    ---Connect over TLS.
    ---@param host string
    ---@param port integer
    ---@param options sessile.TLSConnectOptions?
    ---@return sessile.Connection?, string?, integer?
    function driver.open_connection(host, port, options)
        options = options or {}
        local io, text = loop.dial(host, port, options.connect_timeout)
        if not io then
            return nil, text
        end
        return connect_tls(loop, io, host, options)
    end

    ---TLS on a socket of the driver's that is open; with options.server_side as the server.
    ---@param socket any
    ---@param options table?
    ---@return sessile.Connection?, string?, integer?
    function driver.start_tls(socket, options)
        options = options or {}
        local io, text = loop.adopt(socket)
        if not io then
            return nil, text
        elseif not options.server_side then
            return connect_tls(loop, io, nil, options)
        end
        return begin_tls(loop, io, options, function(session) return session:tls_accept(options.config) end)
    end

    ---Serve TLS: handler(connection) is a task for each connection, which is closed when that returns.
    ---@param handler fun(connection: sessile.Connection)
    ---@param host string
    ---@param port integer 0 for one of the system's choice
    ---@param options {config: sessile.TLSConfig, handshake_timeout: number?, on_error: fun(problem: any)?}
    ---@return sessile.Server?, string?, integer?
    function driver.start_server(handler, host, port, options)
        return start_server(loop, handler, host, port, options)
    end

    ---Connect over SSH, and log in.
    ---@param host string
    ---@param options sessile.ConnectOptions
    ---@return sessile.SSHClient?, string?, integer?
    function driver.connect(host, options)
        return client.connect(function()
            local io, text
            if options.over then
                io, text = loop.adopt(options.over)
            else
                io, text = loop.dial(host, options.port or 22, options.connect_timeout)
            end
            if not io then
                return nil, text
            end
            return new_wire(loop, io, options)
        end, host, options)
    end

    ---Serve SSH. options.handler: a table with methods, or a function that makes one for each connection: none(user),
    ---password(user, password), public_key(user, key), keyboard_interactive(user, responses), terminal(term, columns,
    ---rows), variable(name, value), which say yes by returning true, and may wait. options.process_factory(process) is
    ---a task that runs what a client asked for; it returns the exit status.
    ---@param host string
    ---@param port integer 0 for one of the system's choice
    ---@param options table server_host_keys, handler, process_factory, config, login_timeout, on_error
    ---@return sessile.Server?, string?, integer?
    function driver.listen(host, port, options)
        return listen(loop, host, port, options)
    end

    ---Serve SSH on a socket of the driver's that is open, until the client has gone.
    ---@param socket any
    ---@param options table as listen()'s
    ---@return true?, string?, integer?
    function driver.serve(socket, options)
        local config, text, code = server_config(options)
        if not config then
            return nil, text, code
        end
        local io
        io, text = loop.adopt(socket)
        if not io then
            return nil, text
        end
        serve_ssh(loop, io, nil, config, with_report(loop, options), function() end)
        return true
    end

    ---Run a function as a task: a coroutine in which everything of this driver may wait.
    ---@param call fun()
    ---@param failed fun(problem: any)? what is called when it raises; without it that is reported
    function driver.spawn(call, failed) loop.spawn(call, failed or loop.report) end

    return driver
end

return {of = of, Server = Server}
