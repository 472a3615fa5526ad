-- SPDX-License-Identifier: Apache-2.0
--
-- What the tests of all drivers share: servers on this machine, and what their clients are to say. It takes a driver.

local harness = require "harness"
local sessile = require "sessile"

local ends = {LOCAL = "127.0.0.1"}

function ends.tls_configs()
    local identity = harness.identity()
    local server = assert(sessile.TLSConfig.server {certificate = identity.certificate, key = identity.key})
    local client = assert(sessile.TLSConfig.client {trust = identity.certificate})
    return client, server
end

function ends.client_options(more)
    local options = {config = (ends.tls_configs()), server_hostname = "server.test"}
    for name, value in pairs(more or {}) do
        options[name] = value
    end
    return options
end

function ends.tls_server(driver, handler, more)
    local options = {config = select(2, ends.tls_configs())}
    for name, value in pairs(more or {}) do
        options[name] = value
    end
    return assert(driver.start_server(handler, ends.LOCAL, 0, options))
end

function ends.echo(connection)
    local data = connection:read()
    while data do
        assert(connection:write(data))
        data = connection:read()
    end
end

-- What an SSH server runs, by the command's first word.
local commands = {}
ends.commands = commands

function commands.hello(process)
    process:write("hello\n")
    process:write_stderr("careful\n")
    return 3
end

function commands.cat(process)
    local data = process:read()
    while data do
        assert(process:write(data))
        data = process:read()
    end
end

function commands.count(process)
    local total = 0
    local line = process:read("l")
    while line do
        total = total + tonumber(line)
        line = process:read("l")
    end
    process:write(tostring(total))
end

function commands.flood(process)
    for _ = 1, 64 do
        assert(process:write(("x"):rep(65536)))
    end
end

function commands.wait(process) process:read("a") end

function commands.ignore() return 0 end

function commands.die(process) process:exit_signal("KILL") end

function commands.raise() error("a command that raises") end

commands["env"] = function(process) process:write((process.env.NAME or "") .. " " .. (process.term or "none")) end

function ends.ssh_server(driver, more, host)
    local handler = {}
    function handler:public_key(user, key) return user == "alice" and key == harness.key("user") end
    function handler:password(user, password) return user == "bob" and password == "secret" end
    function handler:variable(name) return name == "NAME" end
    local options = {
        server_host_keys = {harness.key("host")},
        handler = handler,
        process_factory = function(process)
            local command = commands[process.command:match("%S+")]
            return command and command(process) or 0
        end,
    }
    for name, value in pairs(more or {}) do
        options[name] = value or nil
    end
    return assert(driver.listen(host or ends.LOCAL, 0, options))
end

function ends.ssh_options(server, more)
    local line = sessile.KnownHosts.line(ends.LOCAL, server.port or 22, harness.key("host"))
    local options = {
        port = server.port, username = "alice", client_keys = {harness.key("user")},
        known_hosts = assert(sessile.KnownHosts.read(line)),
    }
    for name, value in pairs(more or {}) do
        options[name] = value or nil
    end
    return options
end

-- aborted: the body has ended the connection itself.
function ends.with_ssh(driver, body, more, aborted)
    local server = ends.ssh_server(driver, more)
    local client = assert(driver.connect(ends.LOCAL, ends.ssh_options(server)))
    body(client, server)
    assert(aborted or client:close())
    assert(server:close())
end

return ends
