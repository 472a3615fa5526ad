-- SPDX-License-Identifier: Apache-2.0
--
-- The demo's act in Lua, plain code that blocks, on LuaSocket:
--
--     demo.lua FOLDER HTTPS_PORT SSH_PORT USER FILE
--
-- FOLDER has ca.pem, known, user.key. Fetches FILE by HTTPS, sends it by SSH, and gets it back. What was agreed on goes
-- to stderr, a line of JSON for each session.

local sessile = require "sessile"
local socket = require "sessile.socket"

local folder, https_port, ssh_port, user, name = ...

local function write_file(path, data)
    local file = assert(io.open(folder .. "/" .. path, "wb"))
    assert(file:write(data))
    file:close()
end

local function tell(facts)
    local parts = {}
    for key, value in pairs(facts) do
        local is_number = type(value) == "number"
        parts[#parts + 1] = ('"%s": %s'):format(key, is_number and ("%.4f"):format(value) or '"' .. value .. '"')
    end
    io.stderr:write("{", table.concat(parts, ", "), "}\n")
end

local function fetch()
    local begin = socket.loop.now()
    local connection = assert(socket.open_connection("127.0.0.1", tonumber(https_port), {
        config = assert(sessile.TLSConfig.client {trust_file = folder .. "/ca.pem"}), server_hostname = "localhost",
    }))
    assert(connection:write(("GET /%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"):format(name)))
    assert(assert(connection:read("l")):find(" 200 ", 1, true), "the server does not give it")
    local size
    for line in function() return connection:read("l") end do
        if line == "\r" then
            break
        end
        size = tonumber(line:lower():match("^content%-length: (%d+)")) or size
    end
    local data = assert(connection:read(size or "a"))
    local tls = connection.tls
    tell {
        version = tls:version(), cipher = tls:cipher(), group = tls:group(),
        https_seconds = socket.loop.now() - begin,
    }
    connection:close()
    return data
end

local function there_and_back(data)
    local begin = socket.loop.now()
    local ssh = assert(socket.connect("127.0.0.1", {
        port = tonumber(ssh_port), username = user, client_keys = {folder .. "/user.key"},
        known_hosts = folder .. "/known",
    }))
    assert(ssh:run(("cat > '%s/lua.there'"):format(folder), {input = data, check = true}))
    local back = assert(ssh:run(("cat '%s/lua.there'"):format(folder), {check = true})).stdout
    tell {
        kex = ssh.ssh:info("kex"), cipher = ssh.ssh:info("cipher_out"), peer = ssh.ssh:info("peer"),
        ssh_seconds = socket.loop.now() - begin,
    }
    assert(ssh:close())
    return back
end

local data = fetch()
write_file("lua.copy", data)
write_file("lua.back", there_and_back(data))
