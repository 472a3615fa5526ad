-- SPDX-License-Identifier: Apache-2.0
--
-- What the locations of nginx.conf do.

local driver = require "sessile.ngx"
local sessile = require "sessile"

local folder = os.getenv("SESSILE_TEST_IDENTITY")

local function read_file(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

local trusted = assert(sessile.TLSConfig.client {trust_file = folder .. "/server.crt"})
local shown = assert(sessile.TLSConfig.server {
    certificate_file = folder .. "/server.crt", key_file = folder .. "/server.key",
})
local host_key = assert(sessile.Key.read_public(read_file(folder .. "/host.pub")))
local user_key = assert(sessile.Key.read(read_file(folder .. "/user")))

local function failed(text)
    ngx.status = 502
    ngx.say(text)
end

function fetch()
    local port, path = tonumber(ngx.var.arg_port), ngx.var.arg_path
    local connection, problem = driver.open_connection("127.0.0.1", port, {
        config = trusted, server_hostname = ngx.var.arg_host or "server.test", connect_timeout = 5,
    })
    if not connection then
        return failed(problem)
    end
    assert(connection:write(("GET /%s HTTP/1.0\r\n\r\n"):format(path)))
    repeat
        local line = connection:read("l")
    until line == "\r" or not line
    local data = connection:read()
    while data do
        ngx.print(data)
        data = connection:read()
    end
    connection:close(5)
end

local function connect()
    local port = tonumber(ngx.var.arg_port)
    local known = assert(sessile.KnownHosts.read(sessile.KnownHosts.line("127.0.0.1", port, host_key)))
    return driver.connect("127.0.0.1", {
        port = port, username = "alice", client_keys = {user_key}, known_hosts = known, connect_timeout = 5,
    })
end

function run()
    local client, problem = connect()
    if not client then
        return failed(problem)
    end
    local result
    result, problem = client:run(ngx.unescape_uri(ngx.var.arg_command), {input = ngx.var.arg_input, timeout = 20})
    client:close(5)
    if not result then
        return failed(problem)
    end
    ngx.print(result.stdout)
    ngx.say("status ", result.exit_status)
end

-- A command that goes on is given up, and the connection is of use still.
function timeout()
    local client = assert(connect())
    local process = assert(client:create_process("cat"))
    local _, problem = process:read(nil, 0.1)
    process:abort()
    local result = assert(client:run("fail"))
    client:close(5)
    ngx.say(problem, " ", result.exit_status)
end

-- A file goes there in pieces and comes back, and what is listed of it stands behind it.
function files()
    local client = assert(connect())
    local sftp = assert(client:sftp())
    local path, left = "/" .. ngx.var.arg_name, 10
    assert(sftp:put(function()
        left = left - 1
        ngx.sleep(0.001)
        return left >= 0 and ("0123456789abcdef"):rep(6250) or nil
    end, path))
    assert(sftp:get(path, function(data) ngx.print(data) end) == 1000000)
    assert(assert(sftp:open(path)):close())
    local _, problem, _, status = sftp:stat("/none")
    for _, entry in ipairs(assert(sftp:list("/"))) do
        if entry.path == path then
            ngx.print(entry.name, " ", entry.type, " ", entry.size, " ", status, " ", problem)
        end
    end
    assert(sftp:remove(path))
    assert(sftp:close())
    client:close(5)
end

-- Everything rests for longer than nginx lets a socket wait: the command for its like, what is sent for its echo.
function patient()
    local client = assert(connect())
    local first = assert(client:create_process("meet"))
    local connection = assert(driver.open_connection("127.0.0.1", tonumber(ngx.var.arg_tls), {
        config = trusted, server_hostname = "server.test",
    }))
    local size = 16 * 1024 * 1024
    local writer = ngx.thread.spawn(function()
        local line = ("x"):rep(65535) .. "\n"
        for _ = 1, size / #line do
            assert(connection:write(line))
        end
    end)
    ngx.sleep(0.5)
    local got = #assert(connection:read(size))
    ngx.thread.wait(writer)
    for _ = 1, 3 do
        assert(client:create_process("meet"))
    end
    ngx.say(got, " ", first:read("l"))
    connection:close(5)
    client:close(5)
end

-- Never ends by itself.
function hold()
    local client = assert(connect())
    local process = assert(client:create_process("hold"))
    ngx.say(process:read("l"))
    ngx.flush(true)
    process:read()
end

function raise()
    local client = assert(connect())
    assert(client:create_process("hold"):read("l"))
    error("raised on purpose")
end

-- The request's own connection, with TLS on it: nginx is the server.
function raw()
    local sock = assert(ngx.req.socket(true))
    assert(sock:send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tls\r\n\r\n"))
    local connection = assert(driver.start_tls(sock, {server_side = true, config = shown}))
    local line = connection:read("l")
    while line do
        assert(connection:write(line:reverse()))
        line = connection:read("l")
    end
    assert(connection:close(5))
end
