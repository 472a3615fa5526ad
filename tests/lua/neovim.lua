-- SPDX-License-Identifier: Apache-2.0
--
-- Run by "nvim --headless": the example, with a server in the editor as well. What fails ends it with a status.

local function fail(problem)
    io.stderr:write(tostring(problem), "\n")
    vim.cmd "cquit"
end

local function check()
    local driver = require "sessile.luv"
    local sessile = require "sessile"
    local ssh_exec = dofile(os.getenv("SESSILE_TREE") .. "/examples/lua/neovim.lua")
    assert(vim.fn.exists(":SSHExec") == 2)

    local host, user = assert(sessile.Key.generate()), assert(sessile.Key.generate())
    local server, how
    driver.spawn(function()
        server = assert(driver.listen("127.0.0.1", 0, {
            server_host_keys = {host},
            handler = {public_key = function(_, _, key) return key == user end},
            process_factory = function(process)
                for index = 1, 1000 do
                    process:write(("line %d of %s\n"):format(index, process.command))
                end
                return 3
            end,
        }))
    end, fail)
    assert(vim.wait(5000, function() return server end, 5), "no server")

    local known = assert(sessile.KnownHosts.read(sessile.KnownHosts.line("127.0.0.1", server.port, host)))
    local buffer = ssh_exec("alice@127.0.0.1:" .. server.port, "uname -a", {client_keys = {user}, known_hosts = known},
        function(ended) how = ended end)
    assert(vim.wait(10000, function() return how end, 5), "the command has not ended")
    assert(how == "status 3", how)

    local lines = vim.api.nvim_buf_get_lines(buffer, 0, -1, false)
    assert(#lines == 1001, #lines)
    assert(lines[1] == "line 1 of uname -a", lines[1])
    assert(lines[1000] == "line 1000 of uname -a", lines[1000])
    assert(lines[1001] == "[status 3]", lines[1001])

    local closed
    driver.spawn(function() closed = server:close() end, fail)
    assert(vim.wait(5000, function() return closed end, 5), "the server has not closed")
end

local well, problem = xpcall(check, debug.traceback)
if not well then
    fail(problem)
end
vim.cmd "qall!"
