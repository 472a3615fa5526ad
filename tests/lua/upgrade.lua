-- SPDX-License-Identifier: Apache-2.0
--
-- upgrade.lua SOCKET: a client of nginx's location /raw, which goes on with TLS on the request's own connection, in
-- which nginx is the server. For nginx.sh; says how it went.

local driver = require "sessile.luv"
local harness = require "harness"
local sessile = require "sessile"
local uv = require "luv"

local function failed(problem)
    io.stderr:write(tostring(problem), "\n")
    os.exit(1)
end

local function speak(handle)
    local config = assert(sessile.TLSConfig.client {trust = harness.identity().certificate})
    local options = {config = config, server_hostname = "server.test", timeout = 20}
    local connection = assert(driver.start_tls(handle, options))
    assert(connection:write("desrever\n"))
    assert(connection:finish())
    local answer = assert(connection:read("a"))
    assert(connection:close())
    print(answer)
end

local handle, answer = uv.new_pipe(false), ""
handle:connect((...), function(problem)
    assert(not problem, problem)
    handle:write("GET /raw HTTP/1.1\r\nHost: local\r\nConnection: Upgrade\r\nUpgrade: tls\r\n\r\n")
    handle:read_start(function(wrong, data)
        answer = answer .. assert(data, wrong or "nginx closed the connection")
        if answer:find("\r\n\r\n", 1, true) then
            handle:read_stop()
            driver.spawn(function() speak(handle) end, failed)
        end
    end)
end)
uv.run()
