-- SPDX-License-Identifier: Apache-2.0
--
-- What goes wrong, for every driver (drivers.lua calls this): peers that hang, programs that misuse what they have,
-- coroutines that get in each other's way. Each is an error that is told, and nothing that hangs or is lost.

local ends = require "ends"
local harness = require "harness"
local sessile = require "sessile"

local equal, fails = harness.equal, harness.fails
local LOCAL = ends.LOCAL
local unpack = unpack or table.unpack

local trouble = {}

-- Wait for something that another task does, and that nothing is signalled for.
local function until_true(driver, ready)
    local deadline = driver.loop.now() + 20
    while not ready() do
        assert(driver.loop.now() < deadline, "it does not come")
        driver.loop.waiter():wait(0.01)
    end
end

-- What a call raises that may wait: a task of its own, since not every Lua can wait inside of pcall().
local function raises(driver, call, ...)
    local arguments, count, done, problem = {...}, select("#", ...), nil, nil
    driver.spawn(function()
        call(unpack(arguments, 1, count))
        done = "it did not raise"
    end, function(raised)
        done, problem = true, raised
    end)
    until_true(driver, function() return done end)
    equal(done, true)
    return problem
end

local function with_tls(driver, handler, body, more)
    local server = ends.tls_server(driver, handler, more)
    local connection = assert(driver.open_connection(LOCAL, server.port, ends.client_options()))
    body(connection, server)
    connection:close()
    assert(server:close())
end

-- Coroutines in each other's way -------------------------------------------------------------------------------------

function trouble.coroutines(driver, case, own_tasks)
    case("a reader that is told of an end by another coroutine's close has a clean one", function()
        with_tls(driver, ends.echo, function(connection)
            local found
            driver.spawn(function() found = {n = select("#", connection:read()), "read"} end)
            local closed
            driver.spawn(function() closed = connection:close() end)
            assert(connection:close())
            until_true(driver, function() return found and closed end)
            equal(found.n, 1)
        end)
    end)

    case("a writer that waits is told that another coroutine has ended the connection", function()
        local stop
        with_tls(driver, function(connection)
            connection.wire:wait(function() return stop or connection.stream.over end)
        end, function(connection)
            local result
            driver.spawn(function() result = {connection:write(("x"):rep(64 * 1024 * 1024))} end)
            until_true(driver, function() return connection.writing end)
            connection:abort()
            until_true(driver, function() return result end)
            equal(result[1], nil)
            assert(type(result[2]) == "string" and type(result[3]) == "number", "no text or no code")
            fails(result[3], connection:write("more"))
            stop = true
        end)
    end)

    case("what two coroutines write is not mixed", function()
        with_tls(driver, ends.echo, function(connection)
            local size = 300000
            for _, letter in ipairs {"a", "b", "c"} do
                driver.spawn(function() assert(connection:write(letter:rep(size))) end)
            end
            local all = assert(connection:read(3 * size, 20))
            local runs = 1
            for at = size, 2 * size, size do
                equal(all:sub(at, at) ~= all:sub(at + 1, at + 1), true)
                runs = runs + 1
            end
            equal(runs, 3)
            equal(#all:gsub("a", ""), 2 * size)
        end)
    end)

    case("a write that takes too long tells how much is on its way, and goes on from there", function()
        local go, received, theirs = false, {}, nil
        with_tls(driver, function(connection)
            theirs = connection.wire
            theirs:wait(function() return go or connection.stream.over end)
            local data = connection:read()
            while data do
                received[#received + 1] = data
                data = connection:read()
            end
        end, function(connection)
            local data = ("0123456789abcdef"):rep(2 * 1024 * 1024)
            local done, problem, code, taken = connection:write(data, 0.2)
            equal(done, nil)
            equal(problem, "timeout")
            equal(code, nil)
            assert(taken > 0 and taken < #data)
            until_true(driver, function() return theirs end)
            go = true
            theirs:wake()
            assert(connection:write(data:sub(taken + 1), 20))
            assert(connection:finish())
            equal(connection:read("a", 20), "")
            equal(table.concat(received) == data, true)
        end)
    end)

    case("two coroutines read at once, and each gets what it waits for", function()
        local size = 8 * 1024 * 1024
        with_tls(driver, function(connection)
            connection:read(1)
            connection:write(("x"):rep(size + 1))
            connection:read()
        end, function(connection)
            local first, second
            driver.spawn(function() first = connection:read(1, 20) end)
            driver.spawn(function() second = connection:read(size, 20) end)
            assert(connection:write("!"))
            until_true(driver, function() return first and second end)
            equal(#first, 1)
            equal(#second, size)
        end)
    end)

    case("what cannot be written or read raises, and nobody waits behind it", function()
        with_tls(driver, ends.echo, function(connection)
            raises(driver, connection.write, connection, nil)
            raises(driver, connection.write, connection, {})
            connection.stream.write = function() error("inside") end
            assert(tostring(raises(driver, connection.write, connection, "x")):find("inside"))
            connection.stream.write = nil
            for _, format in ipairs {-1, 1.5, math.huge, 0 / 0, "x", "", true, {}} do
                raises(driver, connection.read, connection, format)
            end
        end)
        with_tls(driver, ends.echo, function(connection)
            local empty, problem = connection:read(0, 0.05)
            equal(empty, nil)
            equal(problem, "timeout")
            assert(connection:write("ab"))
            equal(connection:read(0, 10), "")
            equal(connection:read(2, 10), "ab")
            assert(connection:finish())
            equal(select("#", connection:read(0)), 1)
        end)
    end)

    case("a session that is freed under its connection ends it for all who wait", function()
        local server = ends.tls_server(driver, ends.echo)
        local connection = assert(driver.open_connection(LOCAL, server.port, ends.client_options()))
        local result
        driver.spawn(function() result = {connection:read()} end)
        driver.spawn(function() connection.session:free() end)
        until_true(driver, function() return result end)
        equal(result[1], nil)
        equal(result[3], sessile.ERR_ABORTED)
        equal(connection:write("x"), nil)
        assert(server:close())
    end)

    case("a line that is too long is an error, and is there to read", function()
        with_tls(driver, function(connection)
            connection:write(("x"):rep(1024 * 1024 + 1))
            connection:read()
        end, function(connection)
            fails(sessile.ERR_LIMIT, connection:read("l", 20))
            equal(#connection:read(1024 * 1024 + 1, 20), 1024 * 1024 + 1)
        end)
    end)

    if not own_tasks then
        return
    end
    case("a coroutine that somebody else resumes goes on waiting", function()
        local server, result = ends.tls_server(driver, ends.echo), nil
        local task, early
        driver.spawn(function()
            task = coroutine.running()
            result = {driver.open_connection(LOCAL, server.port, ends.client_options())}
        end)
        driver.spawn(function()
            coroutine.resume(task)
            early = result
        end)
        until_true(driver, function() return result end)
        equal(early, nil)
        local connection = assert(result[1], result[2])
        assert(connection:write("x"))
        equal(connection:read(1, 10), "x")
        assert(connection:close())
        assert(server:close())
    end)

    local close = coroutine.close
    if close then
        case("a coroutine that is closed while it waits leaves its connection to others", function()
            with_tls(driver, ends.echo, function(connection)
                local task
                driver.spawn(function()
                    task = coroutine.running()
                    connection:read()
                end)
                until_true(driver, function() return task and coroutine.status(task) == "suspended" end)
                close(task)
                assert(connection:write("x"))
                equal(connection:read(1, 10), "x")
            end)
        end)

        case("a coroutine that is closed while it writes keeps no other from writing", function()
            local go, theirs, last
            with_tls(driver, function(connection)
                theirs = connection.wire
                theirs:wait(function() return go or connection.stream.over end)
                local data = connection:read()
                while data do
                    last = data
                    data = connection:read()
                end
            end, function(connection)
                local task
                driver.spawn(function()
                    task = coroutine.running()
                    connection:write(("x"):rep(64 * 1024 * 1024))
                end)
                until_true(driver, function() return connection.writing and coroutine.status(task) == "suspended" end)
                close(task)
                until_true(driver, function() return theirs end)
                go = true
                theirs:wake()
                assert(connection:write("the end", 20))
                assert(connection:finish())
                equal(connection:read("a", 20), "")
                equal(last:sub(-7), "the end")
            end)
        end)

        case("a coroutine that is closed while it reads leaves the peer to wait", function()
            local written = 0
            with_tls(driver, function(connection)
                while connection:write(("x"):rep(65536)) do
                    written = written + 65536
                end
            end, function(connection)
                local task
                driver.spawn(function()
                    task = coroutine.running()
                    connection:read("a")
                end)
                until_true(driver, function() return written > 0 end)
                close(task)
                equal(connection.input:_is_hungry(), nil)
                connection:abort()
            end)
        end)
    end
end

-- Processes ----------------------------------------------------------------------------------------------------------

function trouble.processes(driver, case)
    case("a status that there cannot be is 1, is told of, and nobody waits for it for ever", function()
        local values = {-1, 1.5, 2 ^ 40, 0 / 0, "text", true, 7}
        local wanted = {1, 1, 1, 1, 0, 0, 7}
        local told = {}
        ends.with_ssh(driver, function(client)
            for index in ipairs(values) do
                local result = assert(client:run(tostring(index), {timeout = 10}))
                equal(result.exit_status, wanted[index])
            end
            equal(#told, 4)
        end, {
            process_factory = function(process) return values[tonumber(process.command)] end,
            on_error = function(problem) told[#told + 1] = problem end,
        })
    end)

    case("a handler of signals that raises is told of, and the connection goes on", function()
        local told
        ends.with_ssh(driver, function(client)
            local process = assert(client:create_process("x"))
            assert(process:send_signal("USR1"))
            assert(process:send_signal("TERM"))
            equal(process:read("l", 10), "done")
            equal(process:wait(10), 0)
            assert(tostring(told):find("not that", 1, true))
            equal(assert(client:run("x", {timeout = 10, input = "go\n"})).stdout, "done\n")
        end, {
            process_factory = function(process)
                local terminated
                function process:on_signal(name)
                    terminated = terminated or name == "TERM"
                    self.wire:wake()
                    if name == "USR1" then
                        error("not that")
                    end
                end
                driver.spawn(function()
                    terminated = process:read("l") or terminated
                    process.wire:wake()
                end)
                process.wire:wait(function() return terminated end)
                process:write("done\n")
            end,
            on_error = function(problem) told = problem end,
        })
    end)

    case("a wait that takes too long leaves the output to read", function()
        ends.with_ssh(driver, function(client)
            local process = assert(client:create_process("cat"))
            local status, problem = process:wait(0.05)
            equal(status, nil)
            equal(problem, "timeout")
            assert(process:write("still there\n"))
            equal(process:read("l", 10), "still there")
            process:finish()
            equal(process:wait(10), 0)
        end)
    end)

    case("a request that is made on the channel itself does no harm", function()
        ends.with_ssh(driver, function(client)
            local process = assert(client:create_process("cat"))
            assert(process.stream:request_env("OTHER", "x"))
            assert(process:write("x\n"))
            equal(process:read("l", 10), "x")
            process:finish()
            equal(process:wait(10), 0)
        end)
    end)

    case("a command that never ends is given up in time, and its channel is closed", function()
        local over
        ends.with_ssh(driver, function(client)
            local result, problem = client:run("hang", {timeout = 0.1})
            equal(result, nil)
            equal(problem, "timeout")
            until_true(driver, function() return over and #client.session:streams() == 0 end)
        end, {
            process_factory = function(process)
                process.wire:wait(function() return process.stream.over end)
                over = true
            end,
        })
    end)

    case("input that is no text raises, and starts nothing", function()
        local started = 0
        ends.with_ssh(driver, function(client)
            for _, options in ipairs {{input = 42}, {input = {}}, {env = "x"}, {terminal = 1}} do
                raises(driver, client.run, client, "x", options)
            end
            raises(driver, client.run, client, nil)
            raises(driver, client.run, client, "x", {env = {[{}] = 1}})
            raises(driver, client.run, client, "x", {stderr = "jion"})
            raises(driver, client.run, client, "x", {timeut = 1})
            raises(driver, client.create_process, client, 42)
            until_true(driver, function() return #client.session:streams() == 0 end)
            equal(assert(client:run("x")).exit_status, 0)
            equal(started, 1)
        end, {process_factory = function() started = started + 1 end})
    end)

    case("only true lets in", function()
        for _, value in ipairs {0, "no", {}, 1} do
            local server = ends.ssh_server(driver, {handler = {public_key = function() return value end}})
            fails(sessile.ERR_REFUSED, driver.connect(LOCAL, ends.ssh_options(server)))
            assert(server:close())
        end
    end)

    case("a client that is over says why", function()
        local server = ends.ssh_server(driver)
        local client = assert(driver.connect(LOCAL, ends.ssh_options(server)))
        client:abort()
        fails(sessile.ERR_ABORTED, client:run("x"))
        fails(sessile.ERR_ABORTED, client:create_process("x"))
        assert(server:close())
    end)
end

-- Peers --------------------------------------------------------------------------------------------------------------

function trouble.peers(driver, case)
    case("a connection that does not come about in time is given up", function()
        local tcp = require "socket"
        local deaf = assert(tcp.bind(LOCAL, 0, 0))
        local port = tonumber((select(2, deaf:getsockname())))
        -- Whoever is not taken in fills the queue, until the system answers nobody any more.
        local others = {}
        for index = 1, 4 do
            others[index] = assert(tcp.tcp4())
            others[index]:settimeout(0)
            others[index]:connect(LOCAL, port)
        end
        local options = ends.client_options {connect_timeout = 0.1}
        local connection, problem = driver.open_connection(LOCAL, port, options)
        equal(connection, nil)
        equal(problem, "timeout")
        for _, other in ipairs(others) do
            other:close()
        end
        deaf:close()
    end)

    case("a server that does not answer keepalives is given up", function()
        local paused
        local server = ends.ssh_server(driver, {
            process_factory = function(process)
                process.wire.session:pause(true)
                paused = true
                process.wire:wait(function() return process.stream.over end)
            end,
        })
        local client = assert(driver.connect(LOCAL, ends.ssh_options(server, {keepalive_interval = 0.05})))
        local process = assert(client:create_process("x"))
        local data, text, code = process:read(nil, 20)
        equal(data, nil)
        assert(text:find("has not answered", 1, true), text)
        equal(code, sessile.ERR_TRUNCATED)
        equal(paused, true)
        server:close(0.1)
    end)

    case("a client that answers keepalives is kept", function()
        local count = 0
        ends.with_ssh(driver, function(_, server)
            local client = assert(driver.connect(LOCAL, ends.ssh_options(server, {keepalive_interval = 0.1})))
            local on_notice = client.session.on_notice
            function client.session.on_notice(...)
                count = count + (select(2, ...) == "ssh_alive" and 1 or 0)
                on_notice(...)
            end
            until_true(driver, function() return count >= 3 end)
            equal(assert(client:run("hello")).exit_status, 3)
            assert(client:close())
        end)
    end)

    case("a login that fails is told to who serves, and so is an end without a goodbye", function()
        local results = {}
        local function serve(options)
            local listener
            local function accepted(io)
                listener:close()
                driver.loop.spawn(function()
                    local adopt = driver.loop.adopt
                    function driver.loop.adopt() return io end
                    results[#results + 1] = {driver.serve(nil, options)}
                    driver.loop.adopt = adopt
                end, error)
            end
            listener = assert(driver.loop.bind(LOCAL, 0, accepted, {}))
            return listener
        end
        local options = {server_host_keys = {harness.key("host")}, handler = {public_key = function() return true end}}
        local listener = serve(options)
        local client = assert(driver.connect(LOCAL, ends.ssh_options(listener)))
        assert(client:close())
        until_true(driver, function() return results[1] end)
        equal(results[1][1], true)
        options.handler = {}
        fails(sessile.ERR_REFUSED, driver.connect(LOCAL, ends.ssh_options(serve(options), {client_keys = false})))
        until_true(driver, function() return results[2] end)
        equal(results[2][1], nil)
        equal(type(results[2][2]), "string")
        equal(type(results[2][3]), "number")
    end)
end

-- Misuse -------------------------------------------------------------------------------------------------------------

function trouble.misuse(driver, case)
    case("what cannot be read as a file is an error with a text", function()
        local folder = os.getenv("SESSILE_TEST_IDENTITY")
        for _, path in ipairs {folder, folder .. "/none"} do
            for _, options in ipairs {{known_hosts = path}, {client_keys = {path}}} do
                options.username = "alice"
                local client, text = driver.connect(LOCAL, options)
                equal(client, nil)
                assert(type(text) == "string" and text ~= "", "no text")
            end
            local server, text = driver.listen(LOCAL, 0, {server_host_keys = {path}})
            equal(server, nil)
            assert(type(text) == "string" and text ~= "", "no text")
        end
    end)

    case("options that are misspelt or of the wrong type raise before anything is open", function()
        local wrong = sessile.SSHConfig.client()
        local spelt = {handshake_timeut = 1}
        for _, options in ipairs {spelt, {config = wrong}, {config = 1}} do
            assert(tostring(raises(driver, driver.open_connection, LOCAL, 1, options)):find("option") or options.config)
            raises(driver, driver.start_tls, nil, options)
            raises(driver, driver.start_server, print, LOCAL, 0, options)
        end
        raises(driver, driver.start_tls, nil, {server_side = true})
        raises(driver, driver.start_server, print, LOCAL, 0)
        fails(sessile.ERR_ARGUMENT, driver.listen(LOCAL, 0))
        raises(driver, driver.listen, LOCAL, 0, {handlr = {}})
        raises(driver, driver.serve, nil, {process_factry = print})
        raises(driver, driver.connect, LOCAL)
        raises(driver, driver.connect, LOCAL, {username = 1})
        raises(driver, driver.connect, nil, {username = "a"})
    end)

    case("what raises when a connection is there already closes it", function()
        local server = ends.ssh_server(driver)
        raises(driver, driver.connect, LOCAL, ends.ssh_options(server, {username = "a\0b"}))
        assert(server:close())
        server = ends.tls_server(driver, ends.echo)
        raises(driver, driver.open_connection, LOCAL, server.port, ends.client_options {server_hostname = "a\0b"})
        assert(server:close())
    end)

    case("an address that cannot be bound is an error", function()
        local server, text = driver.start_server(print, "nothing.invalid", 0, {config = select(2, ends.tls_configs())})
        equal(server, nil)
        assert(type(text) == "string" and text ~= "", "no text")
    end)

    case("a handler that raises, where nobody is to be told, ends its connection alone", function()
        local errors, reported = io.stderr, {}
        rawset(io, "stderr", {write = function(_, ...) reported[#reported + 1] = table.concat({...}) end})
        with_tls(driver, function(connection)
            if connection:read("l") == "raise" then
                error("nobody hears it")
            end
            connection:write("fine\n")
        end, function(connection, server)
            assert(connection:write("raise\n"))
            fails(sessile.ERR_TRUNCATED, connection:read())
            local other = assert(driver.open_connection(LOCAL, server.port, ends.client_options()))
            assert(other:write("x\n"))
            equal(other:read("l"), "fine")
            assert(other:close())
        end)
        rawset(io, "stderr", errors)
        equal(#reported, 1)
        assert(reported[1]:find("nobody hears it", 1, true))
    end)
end

---own_tasks: whether tasks are plain coroutines, which the driver resumes itself.
function trouble.all(driver, case, own_tasks)
    trouble.coroutines(driver, case, own_tasks)
    trouble.processes(driver, case)
    trouble.peers(driver, case)
    trouble.misuse(driver, case)
end

return trouble
