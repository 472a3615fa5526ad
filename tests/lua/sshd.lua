-- SPDX-License-Identifier: Apache-2.0
--
-- sshd.lua FOLDER PORTS: OpenSSH's sshd for each connection to a port of loopback, until standard input ends. FOLDER
-- has its configuration, sshd_config; the port is written to the file PORTS.

local uv = require "luv"

local folder, ports_file = ...

local function serve(connection)
    local process, problem
    process, problem = uv.spawn("/usr/sbin/sshd", {
        args = {"-i", "-e", "-f", folder .. "/sshd_config"}, stdio = {connection, connection, 2},
    }, function() process:close() end)
    connection:close()
    assert(process, problem)
end

local listener = uv.new_tcp()
assert(listener:bind("127.0.0.1", 0))
assert(listener:listen(16, function(problem)
    assert(not problem, problem)
    local connection = uv.new_tcp()
    assert(listener:accept(connection))
    serve(connection)
end))

local file = assert(io.open(ports_file, "w"))
file:write(listener:getsockname().port, "\n")
file:close()

local input = uv.new_pipe(false)
assert(input:open(0))
input:read_start(function(problem, data)
    if problem or not data then
        input:close()
        listener:close()
    end
end)
uv.run()
