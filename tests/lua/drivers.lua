-- SPDX-License-Identifier: Apache-2.0
--
-- What holds for every driver: clients and servers of both protocols, over TCP on this machine; and what goes wrong
-- (trouble.lua). A file for each driver calls this with the driver, and with what runs a task and the driver's loop
-- until that task has ended.

local ends = require "ends"
local harness = require "harness"
local sessile = require "sessile"
local trouble = require "trouble"

local test, equal, fails = harness.test, harness.equal, harness.fails
local LOCAL, echo, client_options, tls_server = ends.LOCAL, ends.echo, ends.client_options, ends.tls_server
local ssh_server, ssh_options, with_ssh = ends.ssh_server, ends.ssh_options, ends.with_ssh

local suite = {}

-- TLS ----------------------------------------------------------------------------------------------------------------

function suite.tls(driver, case)
    case("a TLS client and a server exchange lines, and both end cleanly", function()
        local server = tls_server(driver, echo)
        local connection = assert(driver.open_connection(LOCAL, server.port, client_options()))
        equal(connection.tls:version(), "TLSv1.3")
        assert(connection:write("one\ntwo\nrest"))
        equal(connection:read("l"), "one")
        equal(connection:read("L"), "two\n")
        equal(connection:read(2), "re")
        assert(connection:finish())
        equal(connection:read("a"), "st")
        equal(select("#", connection:read()), 1)
        assert(connection:close())
        assert(server:close())
    end)

    case("megabytes come back as they were sent", function()
        local server = tls_server(driver, echo)
        local connection = assert(driver.open_connection(LOCAL, server.port, client_options()))
        local sent = ("0123456789abcdef"):rep(256 * 1024)
        driver.spawn(function()
            assert(connection:write(sent))
            assert(connection:finish())
        end)
        local got = assert(connection:read("a"))
        equal(#got, #sent)
        equal(got == sent, true)
        assert(connection:close())
        assert(server:close())
    end)

    case("a reader that is slow makes the writer wait", function()
        local taken, stop = 0, false
        local server = tls_server(driver, function(connection)
            while not stop do
                if not connection:write(("x"):rep(65536)) then
                    return
                end
                taken = taken + 65536
            end
        end)
        local connection = assert(driver.open_connection(LOCAL, server.port, client_options()))
        assert(connection:read(1))
        equal(select(2, connection:read(1024 * 1024 * 1024, 0.3)), "timeout")
        local before = taken
        -- Nobody reads: the system's buffers and the queue fill up, and then the writer rests.
        local last = -1
        for _ = 1, 50 do
            connection.wire:wait(function() return false end, connection.wire:deadline(0.05))
            if taken == last then
                break
            end
            last = taken
        end
        equal(taken, last)
        assert(before > 0)
        stop = true
        connection:abort()
        server:close(2)
    end)

    case("a timeout loses nothing", function()
        local go
        local server = tls_server(driver, function(connection)
            connection:read(1)
            assert(connection:write("ab"))
            go = connection:read(1)
            assert(connection:write("cd"))
        end)
        local connection = assert(driver.open_connection(LOCAL, server.port, client_options()))
        assert(connection:write("1"))
        connection:settimeout(0.05)
        local data, problem, code = connection:read(4)
        equal(data, nil)
        equal(problem, "timeout")
        equal(code, nil)
        assert(connection:write("2"))
        equal(connection:read(4, 5), "abcd")
        equal(go, "2")
        assert(connection:close())
        assert(server:close())
    end)

    case("a certificate for somebody else is refused", function()
        local server = tls_server(driver, echo)
        local options = client_options {server_hostname = "other.test"}
        fails(sessile.ERR_VERIFY, driver.open_connection(LOCAL, server.port, options))
        assert(server:close())
    end)

    case("nobody listening is an error, and no session is left", function()
        local server = tls_server(driver, echo)
        local port = server.port
        assert(server:close())
        local connection, problem = driver.open_connection(LOCAL, port, client_options())
        equal(connection, nil)
        assert(type(problem) == "string" and problem ~= "")
    end)

    case("a handler that raises has its connection dropped, and is told of", function()
        local told
        local server = tls_server(driver, function(connection)
            connection:read(1)
            error({"mine"})
        end, {on_error = function(problem) told = problem end})
        local connection = assert(driver.open_connection(LOCAL, server.port, client_options()))
        assert(connection:write("x"))
        fails(sessile.ERR_TRUNCATED, connection:read())
        equal(told[1], "mine")
        assert(server:close())
    end)

    case("a client that never speaks is dropped in time", function()
        local server = tls_server(driver, echo, {handshake_timeout = 0.1})
        local io = assert(driver.loop.dial(LOCAL, server.port))
        local waiter = driver.loop.waiter()
        local function gone() waiter:signal() end
        local listener = {
            arrived = function() end, sent = function() end, wants = function() return true end,
            wait = function(_, ready) return ready() end, ended = gone, lost = gone, gone = gone,
        }
        io:start(listener)
        equal(waiter:wait(10), true)
        io:abort()
        assert(server:close())
    end)

    case("closing a server ends who does not answer after the time that is given", function()
        local stuck
        local server = tls_server(driver, function(connection)
            stuck = true
            connection.wire:wait(function() return connection.stream.over end)
        end)
        local connection = assert(driver.open_connection(LOCAL, server.port, client_options()))
        connection.wire:wait(function() return stuck end, connection.wire:deadline(5))
        -- The client's session hears nothing any more, so that no goodbye comes.
        connection.session:pause(true)
        local closed, problem = server:close(0.1)
        equal(closed, nil)
        equal(problem, "timeout")
        connection:abort()
    end)
end

-- SSH ----------------------------------------------------------------------------------------------------------------

function suite.ssh(driver, case)
    case("a command's output, errors and status come back", function()
        with_ssh(driver, function(client)
            local result = assert(client:run("hello"))
            equal(result.stdout, "hello\n")
            equal(result.stderr, "careful\n")
            equal(result.exit_status, 3)
            local none, text, code, same = client:run("hello", {check = true})
            equal(none, nil)
            equal(text, "ended with status 3")
            equal(code, nil)
            equal(same.stdout, "hello\n")
        end)
    end)

    case("input goes in, and output may be read line by line", function()
        with_ssh(driver, function(client)
            equal(assert(client:run("count", {input = "1\n2\n39"})).stdout, "42")
            local process = assert(client:create_process("cat"))
            assert(process:write("a\nb\n"))
            equal(process:read("l"), "a")
            assert(process:finish())
            equal(process:read("a"), "b\n")
            equal(process:wait(), 0)
        end)
    end)

    -- In PUC's Lua 5.1 nothing can wait in a for loop's iterator.
    local in_iterators = coroutine.wrap(function()
        return pcall(function()
            for _ in coroutine.yield do end
        end)
    end)
    if in_iterators() == nil then
        case("lines come one after the other", function()
            with_ssh(driver, function(client)
                local process = assert(client:create_process("cat"))
                assert(process:write("a\nb\nc"))
                assert(process:finish())
                local found = {}
                for line in process:lines() do
                    found[#found + 1] = line
                end
                equal(table.concat(found, ","), "a,b,c")
            end)
        end)
    end

    case("commands run side by side", function()
        with_ssh(driver, function(client)
            local one = assert(client:create_process("cat"))
            local two = assert(client:create_process("cat"))
            assert(two:write("2\n"))
            equal(two:read("l"), "2")
            assert(one:write("1\n"))
            equal(one:read("l"), "1")
            local done = 0
            for index = 1, 5 do
                driver.spawn(function()
                    local text = ("%d"):format(index):rep(100000)
                    equal(assert(client:run("cat", {input = text})).stdout, text)
                    done = done + 1
                    client.wire:wake()
                end)
            end
            assert(client.wire:wait(function() return done == 5 end, client.wire:deadline(20)))
            one:abort()
            two:abort()
        end)
    end)

    case("megabytes pass through a command both ways", function()
        with_ssh(driver, function(client)
            local text = ("0123456789abcdef"):rep(128 * 1024)
            equal(assert(client:run("cat", {input = text})).stdout == text, true)
            equal(#assert(client:run("flood")).stdout, 64 * 65536)
        end)
    end)

    case("output that nobody reads makes the command wait, and other commands do not", function()
        with_ssh(driver, function(client)
            local slow = assert(client:create_process("flood"))
            assert(slow:read(1))
            equal(assert(client:run("hello")).exit_status, 3)
            assert(slow.input.buffer.size < 4 * 1024 * 1024)
            equal(#slow:read("a"), 64 * 65536 - 1)
            equal(slow:wait(), 0)
        end)
    end)

    case("a command that takes too long is given up, and the connection goes on", function()
        with_ssh(driver, function(client)
            local process = assert(client:create_process("wait"))
            equal(select(2, process:read(nil, 0.1)), "timeout")
            process:abort()
            equal(assert(client:run("hello")).exit_status, 3)
        end)
    end)

    case("a command that ignores a large input does not hang", function()
        with_ssh(driver, function(client)
            local result = assert(client:run("ignore", {input = ("x"):rep(8 * 1024 * 1024), timeout = 20}))
            equal(result.exit_status, 0)
        end)
    end)

    case("a signal's end, variables and a terminal", function()
        with_ssh(driver, function(client)
            equal(assert(client:run("die")).exit_signal, "KILL")
            local process = assert(client:create_process("die"))
            equal(select(4, process:wait()), "KILL")
            local options = {env = {NAME = "value", OTHER = "no"}, terminal = {term = "dumb"}}
            equal(assert(client:run("env", options)).stdout, "value dumb")
        end)
    end)

    case("a command that raises has status 1, and is told of", function()
        local told
        with_ssh(driver, function(client)
            equal(assert(client:run("raise")).exit_status, 1)
            assert(tostring(told):find("a command that raises", 1, true))
        end, {on_error = function(problem) told = problem end})
    end)

    case("a password lets in, a wrong one does not", function()
        local server = ssh_server(driver)
        local client = assert(driver.connect(LOCAL, ssh_options(server, {
            username = "bob", client_keys = false, password = function() return "secret" end,
        })))
        assert(client:close())
        local options = ssh_options(server, {username = "bob", client_keys = false, password = "wrong"})
        fails(sessile.ERR_REFUSED, driver.connect(LOCAL, options))
        fails(sessile.ERR_REFUSED, driver.connect(LOCAL, ssh_options(server, {username = "mallory"})))
        assert(server:close())
    end)

    case("a host that is not known is refused, unless it is accepted", function()
        local server = ssh_server(driver)
        local none, text = driver.connect(LOCAL, ssh_options(server, {known_hosts = false}))
        equal(none, nil)
        assert(text:find("is not known: SHA256:", 1, true))
        local asked
        local client = assert(driver.connect(LOCAL, ssh_options(server, {
            known_hosts = false,
            accept_host_key = function(host, port, key)
                asked = key == harness.key("host") and host == LOCAL and port == server.port
                return true
            end,
        })))
        equal(asked, true)
        assert(client:close())
        assert(server:close())
    end)

    case("the server's end is told to who waits for it", function()
        local server = ssh_server(driver)
        local client = assert(driver.connect(LOCAL, ssh_options(server)))
        local process = assert(client:create_process("wait"))
        driver.spawn(function() server:close(0.2) end)
        local data, text = process:read()
        equal(data, nil)
        assert(type(text) == "string")
        equal(client:run("hello"), nil)
        client:abort()
        assert(server:close())
    end)

    case("connections from the server, to ports and to Unix sockets, are what its handler makes of them", function()
        local told
        local handler = {public_key = function() return true end}
        function handler.open_tcp(_, host, port)
            if host == "echo" then
                return echo
            elseif host == "raise" then
                return function() error("on a channel") end
            end
            return host == "say" and function(connection) connection:write(("port %d"):format(port)) end
        end
        function handler.open_unix(_, path)
            return path == "/run/echo" and echo or true
        end
        with_ssh(driver, function(client)
            local one = assert(client:open_connection("echo", 7))
            local two = assert(client:open_unix_connection("/run/echo"))
            local text = ("0123456789abcdef"):rep(256 * 1024)
            driver.spawn(function()
                assert(one:write(text))
                assert(one:finish())
            end)
            assert(two:write("two\n"))
            equal(two:read("l"), "two")
            equal(one:read("a") == text, true)
            equal(select("#", one:read()), 1)
            assert(one:close())
            assert(two:close())
            equal(assert(client:open_connection("say", 65535)):read("a"), "port 65535")
            fails(sessile.ERR_REFUSED, client:open_connection("other", 80))
            fails(sessile.ERR_REFUSED, client:open_unix_connection("/run/other"))
            equal(assert(client:open_connection("raise", 1)):read("a"), "")
            assert(tostring(told):find("on a channel", 1, true))
            equal(assert(client:run("hello")).exit_status, 3)
        end, {handler = handler, on_error = function(problem) told = problem end})
        with_ssh(driver, function(client)
            fails(sessile.ERR_REFUSED, client:open_connection("echo", 7))
        end)
    end)

    case("a misspelt option raises", function()
        local problem = harness.raises(driver.connect, LOCAL, {username = "a", pasword = "x"})
        assert(tostring(problem):find("pasword", 1, true))
    end)
end

-- Unix sockets -------------------------------------------------------------------------------------------------------

function suite.unix(driver, case)
    case("a Unix socket carries TLS and SSH, and one that is not there is an error", function()
        local path = ("%s/%d.sock"):format(os.getenv("SESSILE_TEST_IDENTITY"), math.random(1000000))
        local server = assert(driver.start_server(echo, "unix:" .. path, nil, {config = select(2, ends.tls_configs())}))
        equal(server.port, nil)
        local connection = assert(driver.open_connection("unix:" .. path, nil, client_options()))
        assert(connection:write("hello\n"))
        equal(connection:read("l"), "hello")
        assert(connection:close())
        -- Its name is in use.
        local other, text = driver.start_server(echo, "unix:" .. path, nil, {config = select(2, ends.tls_configs())})
        equal(other, nil)
        assert(type(text) == "string" and text ~= "")
        assert(server:close())
        os.remove(path)
        connection, text = driver.open_connection("unix:" .. path, nil, client_options())
        equal(connection, nil)
        assert(type(text) == "string" and text ~= "")
        server = ends.ssh_server(driver, nil, "unix:" .. path)
        local client = assert(driver.connect("unix:" .. path, ssh_options(server, {
            port = false, known_hosts = false,
            accept_host_key = function(_, _, key) return key == harness.key("host") end,
        })))
        equal(assert(client:run("hello")).exit_status, 3)
        assert(client:close())
        assert(server:close())
        os.remove(path)
    end)
end

-- Nothing is left ----------------------------------------------------------------------------------------------------

function suite.cleanup(driver, case)
    case("connections that are over are collected", function()
        local seen = setmetatable({}, {__mode = "k"})
        local server = ssh_server(driver)
        for _ = 1, 3 do
            local client = assert(driver.connect(LOCAL, ssh_options(server)))
            seen[client], seen[client.session] = true, true
            assert(client:run("hello"))
            assert(client:close())
        end
        assert(server:close())
        -- What has ended a moment ago may have a step of the loop to go.
        driver.loop.waiter():wait(0.05)
        collectgarbage()
        collectgarbage()
        equal(next(seen), nil)
    end)
end

---Run everything. run(body, failed): call body in a task, and the driver's loop until nothing is left; failed(problem)
---where it raises. That ends the program: what it has left open would keep the loop from its end.
function suite.run(driver, run, own_tasks)
    local function case(name, body)
        test(name, function()
            run(body, function(problem)
                io.stderr:write("FAILED ", name, "\n  ", tostring(problem), "\n")
                os.exit(1)
            end)
        end)
    end
    suite.tls(driver, case)
    suite.ssh(driver, case)
    suite.unix(driver, case)
    trouble.all(driver, case, own_tasks)
    require "drivers_sftp"(driver, case, with_ssh)
    suite.cleanup(driver, case)
    return harness.run()
end

return suite
