-- SPDX-License-Identifier: Apache-2.0
--
-- Neovim: a command's output on another machine, in a buffer, while the editor goes on. Neovim's own loop carries it.
--
--     :luafile neovim.lua
--     :SSHExec alice@example.org[:port] journalctl -n 100
--
-- The host must be in ~/.ssh/known_hosts, and ~/.ssh/id_ed25519 let in; g:ssh_exec may have other options of connect().

local driver = require "sessile.luv"

local function fresh_buffer(title)
    vim.cmd "botright new"
    local buffer = vim.api.nvim_get_current_buf()
    vim.bo[buffer].buftype = "nofile"
    vim.api.nvim_buf_set_name(buffer, title)
    return buffer
end

-- Appends what comes to a buffer. Callbacks of the loop must not touch the editor: vim.schedule is between.
local function writer_to(buffer)
    local rest, empty = "", true
    return function(data)
        rest = rest .. data
        local lines = vim.split(rest, "\n", {plain = true})
        rest = table.remove(lines)
        vim.schedule(function()
            if #lines > 0 and vim.api.nvim_buf_is_valid(buffer) then
                vim.api.nvim_buf_set_lines(buffer, empty and 0 or -1, -1, false, lines)
                empty = false
            end
        end)
    end
end

local function exec(user, host, port, command, options, write)
    options = vim.tbl_extend("keep", options, {
        username = user, port = port, connect_timeout = 10,
        known_hosts = vim.loop.os_homedir() .. "/.ssh/known_hosts",
        client_keys = {vim.loop.os_homedir() .. "/.ssh/id_ed25519"},
    })
    local client, problem = driver.connect(host, options)
    if not client then
        return problem
    end
    local process
    process, problem = client:create_process(command, {stderr = "join"})
    if not process then
        client:abort()
        return problem
    end
    process:finish()
    for data in function() return process:read() end do
        write(data)
    end
    local status, text = process:wait()
    client:close()
    return status and ("status %d"):format(status) or text
end

---Run a command, and fill a new buffer with what it writes. options: of connect(); done(how): called when it has ended.
local function ssh_exec(where, command, options, done)
    local user, host, port = where:match("^([^@]+)@([^:]+):?(%d*)$")
    if not user then
        error("user@host[:port] expected, got " .. where)
    end
    local buffer = fresh_buffer(("ssh://%s/%s"):format(where, command))
    local write = writer_to(buffer)
    driver.spawn(function()
        local how = exec(user, host, tonumber(port) or 22, command, options, write)
        write(("[%s]\n"):format(how))
        vim.schedule(function() done(how) end)
    end)
    return buffer
end

vim.api.nvim_create_user_command("SSHExec", function(given)
    local where = table.remove(given.fargs, 1)
    ssh_exec(where, table.concat(given.fargs, " "), vim.g.ssh_exec or {}, function() end)
end, {nargs = "+"})

return ssh_exec
