-- SPDX-License-Identifier: Apache-2.0
--
-- The functions that every driver has, made of its loop: clients and servers of TLS and SSH. A loop gives, beside what
-- wire.lua needs, dial(host, port, timeout) and adopt(socket), which return an io or nil and a text, and
-- bind(host, port, accepted, options), which calls accepted(io, peer) for each connection and returns a listener that
-- has a port and close().

local base = require "sessile.base"
local client = require "sessile.client"
local flow = require "sessile.flow"
local keys = require "sessile.keys"
local known_options = require "sessile.options"
local server = require "sessile.server"
local ssh = require "sessile.ssh"
local tls = require "sessile.tls"
local wire = require "sessile.wire"

-- Seconds.
local HANDSHAKE_TIMEOUT = 60

-- What each function takes.
local OF_TLS = {
    config = "table", handshake_timeout = "number", shutdown_timeout = "number", timeout = "number",
    on_question = "function", on_notice = "function",
}
local OF_TLS_CLIENT = {server_hostname = "string", ticket = "string", insecure_keylog = "boolean"}
local OF_SERVER = {on_error = "function", backlog = "number"}
local OPEN_CONNECTION = known_options.known(OF_TLS, OF_TLS_CLIENT, {connect_timeout = "number"})
local START_TLS = known_options.known(OF_TLS, OF_TLS_CLIENT, {server_side = "boolean"})
local START_SERVER = known_options.known(OF_TLS, OF_SERVER)
local LISTEN = known_options.known(OF_SERVER, {
    server_host_keys = "table", handler = "table|function", process_factory = "function", config = "table",
    login_timeout = "number", shutdown_timeout = "number", sftp_factory = "table|function",
})

local function check_tls(options, known, needs_config)
    options = known_options.check(options, known, 4)
    if options.config then
        base.expect(options.config, tls.TLSConfig, "the option config: a sessile.TLSConfig")
    elseif needs_config then
        error("a server of TLS needs a config", 4)
    end
    return options
end

local function check_ssh(options)
    options = known_options.check(options, LISTEN, 4)
    if options.config then
        base.expect(options.config, ssh.SSHConfig, "the option config: a sessile.SSHConfig")
    end
    for _, key in ipairs(options.server_host_keys or {}) do
        if type(key) ~= "string" then
            base.expect(key, keys.Key, "server_host_keys: a sessile.Key or a file's path")
        end
    end
    return options
end

local function new_wire(loop, io, options)
    return wire.Wire.new(loop, io, options)
end

local function begin_tls(loop, io, options, begin)
    local carrier, text, code = new_wire(loop, io, options)
    if not carrier then
        return nil, text, code
    end
    local well, stream
    well, stream, text, code = pcall(begin, carrier.session)
    if not well or not stream then
        carrier:abort()
        if not well then
            error(stream, 0)
        end
        return nil, text, code
    end
    local connection = flow.Connection.new(carrier, stream)
    connection.timeout = options.timeout
    connection.tls = carrier.session.tls
    carrier.session.on_question = options.on_question
    carrier.session.on_notice = options.on_notice
    carrier:start()
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
---@field port integer? none for a Unix socket
local Server = {}
Server.__index = Server

local function new_server(loop, wires)
    return setmetatable({loop = loop, wires = wires}, Server)
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

-- Until the client has gone: true where it has said goodbye.
local function serve_ssh(loop, io, peer, config, options, note)
    local carrier, text, code = new_wire(loop, io, options)
    if not carrier then
        return nil, text, code
    end
    note(carrier)
    local connection
    connection, text, code = server.accept(carrier, config, options, peer)
    if not connection then
        return nil, text, code
    end
    carrier:wait(function() return carrier.is_gone end)
    text, code = carrier:error()
    if code then
        return nil, text, code
    end
    return true
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

    ---Connect over TLS. host: a name, an address, or "unix:PATH", without a port then; so it is for servers as well.
    ---@param host string
    ---@param port integer?
    ---@param options sessile.TLSConnectOptions?
    ---@return sessile.Connection?, string?, integer?
    function driver.open_connection(host, port, options)
        options = check_tls(options, OPEN_CONNECTION)
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
        options = check_tls(options, START_TLS, options and options.server_side)
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
    ---@param port integer? 0 for one of the system's choice
    ---@param options table config, and handshake_timeout, shutdown_timeout, timeout, on_error, on_question, on_notice,
    ---backlog
    ---@return sessile.Server?, string?, integer?
    function driver.start_server(handler, host, port, options)
        return start_server(loop, handler, host, port, check_tls(options, START_SERVER, true))
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
    ---rows), variable(name, value), which say yes by returning true, and nothing else, and may wait. Without terminal()
    ---there may be one. open_tcp(host, port) and open_unix(path) return a function, which speaks on the connection that
    ---the client wants from here, as a task. options.process_factory(process) is a task that runs what a client asked
    ---for; it returns the exit status. options.sftp_factory: a table of functions that are a client's files
    ---(sftp_handler.lua), or a function that makes one: sftp_factory(process). Further options: server_host_keys,
    ---config, login_timeout, shutdown_timeout, on_error, backlog.
    ---@param host string
    ---@param port integer? 0 for one of the system's choice
    ---@param options table
    ---@return sessile.Server?, string?, integer?
    function driver.listen(host, port, options)
        return listen(loop, host, port, check_ssh(options))
    end

    ---Serve SSH on a socket of the driver's that is open, until the client has gone. A login that fails, and a
    ---connection that breaks, are failures.
    ---@param socket any
    ---@param options table as listen()'s
    ---@return true?, string?, integer?
    function driver.serve(socket, options)
        options = check_ssh(options)
        local config, text, code = server_config(options)
        if not config then
            return nil, text, code
        end
        local io
        io, text = loop.adopt(socket)
        if not io then
            return nil, text
        end
        return serve_ssh(loop, io, nil, config, with_report(loop, options), function() end)
    end

    ---Run a function as a task: a coroutine in which everything of this driver may wait.
    ---@param call fun()
    ---@param failed fun(problem: any)? what is called when it raises; without it that is reported
    function driver.spawn(call, failed) loop.spawn(call, failed or loop.report) end

    return driver
end

---The path of a Unix socket that is given in place of a host, "unix:PATH"; nil for a host.
local function unix_path(host) return host:match("^unix:(.+)$") end

return {of = of, Server = Server, unix_path = unix_path}
