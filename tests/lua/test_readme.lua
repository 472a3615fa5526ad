-- SPDX-License-Identifier: Apache-2.0
--
-- README's programs in Lua, as they stand there but for addresses, trust and the paths of files: each meets another end
-- of this driver, in the same loop.

local driver = require "sessile.socket"
local harness = require "harness"
local sessile = require "sessile"

local equal, test = harness.equal, harness.test
local folder = os.getenv("SESSILE_TEST_IDENTITY")
local programs = {}
for text in harness.read_file(os.getenv("SESSILE_TREE") .. "/README.md"):gmatch("\n```lua\n(.-)```\n") do
    programs[#programs + 1] = text
end

local function plain(text) return (text:gsub("%p", "%%%0")) end

-- The program with other words in it, each of which it must have.
local function compile(text, changes, environment)
    for from, to in pairs(changes) do
        local count
        text, count = text:gsub(plain(from), (to:gsub("%%", "%%%%")))
        assert(count > 0, "README does not have " .. from)
    end
    environment = setmetatable(environment, {__index = _G})
    if setfenv then
        return setfenv(assert(loadstring(text, "@README")), environment)
    end
    return assert(load(text, "@README", "t", environment))
end

test("README has the two programs", function() equal(#programs, 2) end)

test("README's client fetches", function()
    local identity = harness.identity()
    local server = assert(driver.start_server(function(connection)
        repeat
            local line = connection:read("l")
        until line == "\r"
        connection:write("HTTP/1.0 200 OK\r\n\r\nhello\n")
    end, "127.0.0.1", 0, {
        config = assert(sessile.TLSConfig.server {certificate = identity.certificate, key = identity.key}),
    }))
    local written
    local program = compile(programs[1], {
        ['"example.org", 443)'] = ('"127.0.0.1", %d, trust)'):format(server.port),
    }, {
        io = {write = function(text) written = text end},
        trust = {
            config = assert(sessile.TLSConfig.client {trust = identity.certificate}), server_hostname = "server.test",
        },
    })
    program()
    equal(written, "HTTP/1.0 200 OK\r\n\r\nhello\n")
    assert(server:close())
end)

test("README's server greets who has the key, and nobody else", function()
    local server
    local listen = driver.listen
    function driver.listen(...)
        server = listen(...)
        return server
    end
    local found, refused
    -- In a task of its own, since the program does not return before its server has ended.
    driver.spawn(function()
        local waiter = driver.loop.waiter()
        waiter:wait(0)
        local host = assert(sessile.Key.read_public(harness.read_file(folder .. "/host.pub")))
        local options = {
            port = server.port, username = "alice", client_keys = {folder .. "/user"},
            accept_host_key = function(_, _, key) return key == host end,
        }
        local client = assert(driver.connect("127.0.0.1", options))
        found = assert(client:run("anything"))
        assert(client:close())
        options.client_keys = {assert(sessile.Key.generate())}
        refused = select(3, driver.connect("127.0.0.1", options))
        assert(server:close())
    end)
    local program = compile(programs[2], {
        ['"localhost", 8022'] = '"127.0.0.1", 0', ['"id_ed25519.pub"'] = ("%q"):format(folder .. "/user.pub"),
        ['"host_key"'] = ("%q"):format(folder .. "/host"),
    }, {})
    program()
    driver.listen = listen
    equal(found.stdout, "hello, alice\n")
    equal(found.exit_status, 0)
    equal(refused, sessile.ERR_REFUSED)
end)

harness.run()
