-- SPDX-License-Identifier: Apache-2.0
--
-- SFTP over every driver: its client against its server, whose files are in memory. drivers.lua calls this.

local Files = require "sftp_files"
local harness = require "harness"
local sessile = require "sessile"

local equal, fails = harness.equal, harness.fails

local TEXT = ("0123456789abcdef"):rep(65536)

-- with_ssh(driver, body, options): of drivers.lua
return function(driver, case, with_ssh)
    -- body(sftp, fs, client, server), and nothing is left open afterwards.
    local function with_files(nodes, body, more)
        local fs = Files.new(nodes)
        local options = {sftp_factory = fs}
        for name, value in pairs(more or {}) do
            options[name] = value
        end
        with_ssh(driver, function(client, server)
            local sftp = assert(client:sftp())
            body(sftp, fs, client, server)
            assert(sftp:close())
            client.wire:wait(function() return fs.open_files == 0 end, client.wire:deadline(5))
            equal(fs.open_files, 0)
        end, options)
    end

    local function temporary()
        local path = os.tmpname()
        return path, function() os.remove(path) end
    end

    local function write_file(path, data)
        local file = assert(io.open(path, "wb"))
        file:write(data)
        file:close()
    end

    -- What a call raises that waits: in PUC's Lua 5.1 that cannot be done inside pcall.
    local function raised_by(client, call, ...)
        local arguments, raised, over = {...}, nil, nil
        driver.spawn(function()
            call((unpack or table.unpack)(arguments))
            over = true
            client.wire:wake()
        end, function(problem)
            raised, over = problem, true
            client.wire:wake()
        end)
        assert(client.wire:wait(function() return over end, client.wire:deadline(20)))
        return raised
    end

    local function status_of(...) return (select(4, ...)) end

    local function wait(client, seconds)
        client.wire:wait(function() return false end, client.wire:deadline(seconds))
    end

    -- What is there --------------------------------------------------------------------------------------------------

    case("SFTP: what is there is listed and told", function()
        with_files({["/a"] = "hello", ["/d"] = {}, ["/d/x"] = "1", ["/l"] = {target = "/a"}}, function(sftp)
            local found = {}
            for _, entry in ipairs(assert(sftp:list("/"))) do
                found[#found + 1] = entry.path .. " " .. entry.type .. " " .. entry.size
            end
            table.sort(found)
            equal(table.concat(found, ","), "/a file 5,/d directory 0,/l link 0")
            local entry = assert(sftp:list("/d"))[1]
            equal(entry.longname, "-rw-r--r-- 1 5        6               1 1971-01-01 x")
            equal(entry.path, "/d/x")
            equal(sftp:stat("/l").type, "file")
            equal(sftp:lstat("/l").type, "link")
            equal(sftp:readlink("/l"), "/a")
            equal(sftp:realpath("d/.././a"), "/a")
            equal(sftp:home(), "/")
            equal(sftp:home("bob"), "/home/bob")
            equal(sftp:exists("/a"), true)
            equal(sftp:exists("/none"), false)
            equal(sftp:statvfs().namemax, 255)
            local users, groups = sftp:names_of({5, 7}, {5})
            equal(table.concat(users, ",") .. "/" .. table.concat(groups, ","), "five,/five")
            equal(sftp:supports("posix_rename"), true)
            assert(sftp:extensions()["posix-rename@openssh.com"])
            local none, text, code, status = sftp:list("/none")
            fails(sessile.ERR_REFUSED, none, text, code)
            equal(status, "no_such_file")
        end)
    end)

    case("SFTP: changes are made", function()
        with_files({["/a"] = "hello"}, function(sftp, fs)
            assert(sftp:mkdir("/d", 448))
            equal(sftp:stat("/d").permissions % 4096, 448)
            equal(status_of(sftp:mkdir("/d")), "failure")
            assert(sftp:rename("/a", "/d/b"))
            assert(sftp:write_file("/c", "other"))
            local none, text = sftp:rename("/c", "/d/b")
            equal(none, nil)
            equal(text, "it is there already")
            assert(sftp:replace("/c", "/d/b"))
            equal(sftp:read_file("/d/b"), "other")
            assert(sftp:chmod("/d/b", 33188))
            equal(fs.attrs["/d/b"].permissions, 420)
            assert(sftp:chown("/d/b", 1, 2))
            assert(sftp:utime("/d/b", 3.7, 4))
            local attrs = sftp:stat("/d/b")
            equal(attrs.uid .. " " .. attrs.gid .. " " .. attrs.atime .. " " .. attrs.mtime, "1 2 3 4")
            assert(sftp:truncate("/d/b", 2))
            equal(sftp:read_file("/d/b"), "ot")
            assert(sftp:symlink("/d/b", "/l"))
            equal(sftp:read_file("/l"), "ot")
            assert(sftp:link("/d/b", "/h"))
            equal(sftp:read_file("/h"), "ot")
            assert(sftp:copy("/h", "/k"))
            equal(fs.nodes["/k"], "ot")
            equal(status_of(sftp:rmdir("/d")), "failure")
            assert(sftp:remove("/d/b"))
            assert(sftp:rmdir("/d"))
            equal(status_of(sftp:remove("/d/b")), "no_such_file")
        end)
    end)

    case("SFTP: an open file is read, written and sought in as a local one", function()
        with_files({["/a"] = "one\ntwo\n\nlast"}, function(sftp, fs)
            local file = assert(sftp:open("/a"))
            equal(file:read(), "one")
            equal(file:seek(), 4)
            equal(file:read("L"), "two\n")
            equal(file:read("l"), "")
            equal(file:read(2), "la")
            equal(file:read(10), "st")
            equal(select("#", file:read(1)), 1)
            equal(select("#", file:read("l")), 1)
            equal(file:read("a"), "")
            equal(file:seek("set", 4), 4)
            equal(file:read("a"), "two\n\nlast")
            equal(file:seek("end", -4), 9)
            equal(file:read("*l"), "last")
            equal(select(2, file:seek("cur", -100)), "a position before the file")
            harness.raises(file.read, file, "n")
            harness.raises(file.seek, file, "somewhere")
            assert(file:close())
            assert(file:close())
            harness.raises(file.read, file)
            harness.raises(file.write, file, "x")
            harness.raises(file.stat, file)
            file = assert(sftp:open("/b", "w+b", {permissions = 384}))
            equal(file:write("hello"):write(" there"), file)
            equal(file:seek("set", 0), 0)
            equal(file:read(5), "hello")
            assert(file:write("!"))
            assert(file:truncate(8))
            assert(file:sync())
            equal(file:stat().size, 8)
            assert(file:setstat {mtime = 7})
            assert(file:close())
            equal(fs.nodes["/b"], "hello!th")
            file = assert(sftp:open("/b", "a"))
            assert(file:write("+"))
            file:abort()
            equal(sftp:read_file("/b"), "hello!th+")
            equal(status_of(sftp:open("/b", "x")), "failure")
            equal(status_of(sftp:open("/none")), "no_such_file")
            for _, mode in ipairs {"rw", "", "q", "r++", "wbb"} do
                harness.raises(sftp.open, sftp, "/a", mode)
            end
        end)
    end)

    case("SFTP: large files are read and written in one call", function()
        with_files({["/a"] = TEXT}, function(sftp, fs)
            equal(sftp:read_file("/a") == TEXT, true)
            assert(sftp:write_file("/b", TEXT))
            equal(fs.nodes["/b"] == TEXT, true)
            local file = assert(sftp:open("/a"))
            assert(file:seek("set", 3))
            equal(file:read(900000) == TEXT:sub(4, 900003), true)
            assert(file:close())
        end)
    end)

    case("SFTP: a directory of many names comes whole", function()
        local nodes, long = {["/d"] = {}}, ("n"):rep(200)
        for index = 1, 3000 do
            nodes[("/d/%s%d"):format(long, index)] = ""
        end
        with_files(nodes, function(sftp)
            local seen, count = {}, 0
            for _, entry in ipairs(assert(sftp:list("/d"))) do
                assert(not seen[entry.name])
                seen[entry.name], count = true, count + 1
            end
            equal(count, 3000)
        end)
    end)

    -- Whole files ----------------------------------------------------------------------------------------------------

    case("SFTP: local files are fetched and sent, and go on where they broke off", function()
        local path, done = temporary()
        with_files({["/a"] = TEXT}, function(sftp, fs)
            equal(sftp:get("/a", path), #TEXT)
            equal(harness.read_file(path) == TEXT, true)
            local moved = {}
            equal(sftp:put(path, "/b", {progress = function(...) moved[#moved + 1] = {...} end}), #TEXT)
            equal(fs.nodes["/b"] == TEXT, true)
            equal(moved[#moved][1], #TEXT)
            equal(moved[#moved][2], #TEXT)
            write_file(path, TEXT:sub(1, 100000))
            equal(sftp:get("/a", path, {resume = true}), #TEXT)
            equal(harness.read_file(path) == TEXT, true)
            fs.nodes["/b"] = TEXT:sub(1, 70000)
            equal(sftp:put(path, "/b", {resume = true}), #TEXT)
            equal(fs.nodes["/b"] == TEXT, true)
            assert(sftp:put(path, "/e", {resume = true, attrs = {permissions = 256}}))
            equal(fs.attrs["/e"].permissions, 256)
            local file = assert(io.open(path, "rb"))
            assert(file:seek("set", #TEXT - 5))
            equal(sftp:put(file, "/c", {offset = 2}), 7)
            equal(fs.nodes["/c"], "\0\0bcdef")
            file:close()
            file = assert(io.open(path, "wb"))
            equal(sftp:get("/c", file, {offset = 4}), 7)
            file:close()
            equal(harness.read_file(path), "def")
            equal(status_of(sftp:get("/none", path)), "no_such_file")
            equal(harness.read_file(path), "def")
            local none, text = sftp:get("/a", "/nowhere/at/all")
            equal(none, nil)
            assert(text:find("/nowhere/at/all", 1, true))
            none, text = sftp:put("/nowhere/at/all", "/z")
            equal(none, nil)
            assert(text:find("/nowhere/at/all", 1, true))
            equal(fs.nodes["/z"], nil)
        end)
        done()
    end)

    case("SFTP: a sink and a source may wait, and little is kept meanwhile", function()
        with_files({["/a"] = TEXT:rep(4)}, function(sftp, fs, client)
            local size, most, asked = 0, 0, 0
            local read = fs.read
            function fs:read(...)
                local data = read(self, ...)
                asked = asked + #data
                return data
            end
            equal(sftp:get("/a", function(data, offset)
                equal(offset, size)
                size = size + #data
                if size < 2000000 then
                    wait(client, 0.002)
                end
                most = math.max(most, asked - size)
            end), #TEXT * 4)
            equal(size, #TEXT * 4)
            local given = 0
            equal(sftp:put(function()
                wait(client, 0.01)
                given = given + 1
                return given <= 4 and TEXT:sub(1, 300000) or given == 5 and "" or given == 6 and "x" or nil
            end, "/b"), 1200001)
            equal(#fs.nodes["/b"], 1200001)
            equal(sftp:put(function() end, "/c"), 0)
            equal(fs.nodes["/c"], "")
        end)
    end)

    case("SFTP: a sink that waits makes the server wait", function()
        with_files({["/a"] = TEXT:rep(24)}, function(sftp, fs, client)
            local asked, go = 0, false
            local read = fs.read
            function fs:read(...)
                local data = read(self, ...)
                asked = asked + #data
                return data
            end
            local size, most = 0, nil
            driver.spawn(function()
                -- What is under way comes, and then no more: a transfer's window is 16 MiB.
                repeat
                    local before = asked
                    wait(client, 0.1)
                until asked == before and asked > 0
                most, go = asked, true
                client.wire:wake()
            end)
            equal(sftp:get("/a", function(data)
                client.wire:wait(function() return go end)
                size = size + #data
            end), #TEXT * 24)
            assert(most < 20 * #TEXT, most)
            equal(size, #TEXT * 24)
        end)
    end)

    case("SFTP: what a sink or a source says no to, or raises, is told, and the connection goes on", function()
        with_files({["/a"] = TEXT}, function(sftp, fs, client)
            local none, text, code = sftp:get("/a", function() return nil, "no more", 42 end)
            equal(none, nil)
            equal(text .. code, "no more42")
            equal(sftp:get("/a", function() return false end), nil)
            local mine = {}
            local function raise() error(mine) end
            equal(raised_by(client, sftp.get, sftp, "/a", raise), mine)
            equal(raised_by(client, sftp.put, sftp, raise, "/b"), mine)
            equal(raised_by(client, sftp.get, sftp, "/a", function() end, {progress = raise}), mine)
            none, text = sftp:put(function() return nil, "a broken source" end, "/b")
            equal(none, nil)
            equal(text, "a broken source")
            local problem = raised_by(client, sftp.put, sftp, function() return 5 end, "/b")
            assert(problem:find("gives strings", 1, true))
            harness.raises(sftp.get, sftp, "/a", 5)
            harness.raises(sftp.get, sftp, "/a", {})
            harness.raises(sftp.get, sftp, "/a", "x", {window = 5})
            harness.raises(sftp.get, sftp, "/a", function() end, {resume = true})
            local kept = {}
            local target = {write = function(_, data) kept[#kept + 1] = data end}
            equal(sftp:get("/a", target), #TEXT)
            equal(table.concat(kept) == TEXT, true)
            local path, done = temporary()
            local file = assert(io.open(path, "rb"))
            none, text = sftp:get("/a", file)
            equal(none, nil)
            assert(type(text) == "string")
            file:close()
            done()
            equal(fs.nodes["/a"], TEXT)
        end)
    end)

    case("SFTP: a file goes from the server into a command, and from one to the server", function()
        with_files({["/a"] = TEXT}, function(sftp, fs, client)
            local process = assert(client:create_process("cat"))
            driver.spawn(function()
                equal(sftp:get("/a", process), #TEXT)
                assert(process:finish())
            end)
            equal(sftp:put(process, "/b"), #TEXT)
            equal(fs.nodes["/b"] == TEXT, true)
            equal(process:wait(), 0)
        end)
    end)

    case("SFTP: many operations go on at once", function()
        with_files({["/a"] = TEXT}, function(sftp, _, client)
            local done = 0
            for index = 1, 100 do
                driver.spawn(function()
                    local path = ("/f%d"):format(index)
                    assert(sftp:write_file(path, TEXT:sub(1, index)))
                    equal(sftp:read_file(path), TEXT:sub(1, index))
                    assert(sftp:remove(path))
                    done = done + 1
                    client.wire:wake()
                end)
            end
            equal(sftp:read_file("/a") == TEXT, true)
            assert(client.wire:wait(function() return done == 100 end, client.wire:deadline(30)))
            equal(#assert(sftp:list("/")), 1)
        end)
    end)

    -- Time and ends --------------------------------------------------------------------------------------------------

    case("SFTP: what takes too long is given up, and its answer passed over", function()
        with_files({["/a"] = "x"}, function(sftp, fs, client)
            local go
            local stat, open, read = fs.stat, fs.open, fs.read
            local function late(self, method, ...)
                client.wire:wait(function() return go end)
                return method(self, ...)
            end
            function fs:stat(...) return late(self, stat, ...) end
            function fs:open(...) return late(self, open, ...) end
            sftp:settimeout(0.05)
            equal(select(2, sftp:stat("/a")), "timeout")
            equal(select(2, sftp:open("/a")), "timeout")
            equal(select(2, sftp:get("/a", function() end)), "timeout")
            sftp:settimeout(nil)
            go = true
            client.wire:wake()
            equal(sftp:stat("/a").size, 1)
            go = false
            function fs:read(...) return late(self, read, ...) end
            fs.open = open
            equal(select(2, sftp:get("/a", function() end, {timeout = 0.1})), "timeout")
            local function nothing() return late(fs, function() end) end
            equal(select(2, sftp:put(nothing, "/b", {timeout = 0.1})), "timeout")
            go = true
            client.wire:wake()
            equal(sftp:read_file("/a"), "x")
        end)
    end)

    case("SFTP: a connection that is lost tells who waits, and what has come is there", function()
        local fs = Files.new {["/a"] = TEXT:rep(8)}
        with_ssh(driver, function(client)
            local sftp = assert(client:sftp())
            local size = 0
            local moved, text, code = sftp:get("/a", function(data)
                size = size + #data
                client:abort()
            end)
            equal(moved, nil)
            assert(type(text) == "string" and type(code) == "number")
            assert(size > 0 and size < 8 * #TEXT)
            moved, text, code = sftp:stat("/a")
            equal(moved, nil)
            assert(type(text) == "string" and type(code) == "number")
            equal(sftp:list("/"), nil)
            equal(sftp:put(function() return "x" end, "/b"), nil)
            sftp:abort()
        end, {sftp_factory = fs}, true)
        driver.loop.waiter():wait(0.05)
        equal(fs.open_files, 0)
    end)

    case("SFTP: an end that is closed refuses, and the connection goes on", function()
        with_files({["/a"] = "x"}, function(sftp, _, client)
            local file = assert(sftp:open("/a"))
            assert(sftp:close())
            assert(sftp:close())
            fails(sessile.ERR_CLOSED, sftp:stat("/a"))
            fails(sessile.ERR_CLOSED, file:read())
            fails(sessile.ERR_CLOSED, sftp:get("/a", function() end))
            equal(assert(client:run("hello")).exit_status, 3)
            local other = assert(client:sftp())
            equal(other:read_file("/a"), "x")
            other:abort()
            fails(sessile.ERR_ABORTED, other:stat("/a"))
        end)
    end)

    case("SFTP: what is no SFTP is a failure, and the connection goes on", function()
        with_ssh(driver, function(client)
            fails(sessile.ERR_REFUSED, client:sftp {subsystem = "other"})
            fails(sessile.ERR_REFUSED, client:run("hello"))
            local sftp = assert(client:sftp())
            assert(sftp:close())
        end, {sftp_factory = Files.new(), process_factory = false})
        with_ssh(driver, function(client)
            local none, text, code = client:sftp {command = "hello"}
            equal(none, nil)
            assert(type(text) == "string" and code < 0)
            equal(select(2, client:sftp {command = "wait", timeout = 0.1}), "timeout")
            equal(assert(client:run("hello")).exit_status, 3)
        end)
    end)

    -- Servers --------------------------------------------------------------------------------------------------------

    case("SFTP: a factory makes files for each client, who may say no", function()
        local users = {}
        with_ssh(driver, function(client)
            local sftp = assert(client:sftp())
            assert(sftp:write_file("/x", "1"))
            local other = assert(client:sftp())
            equal(#assert(other:list("/")), 0)
            fails(sessile.ERR_REFUSED, client:sftp())
            equal(table.concat(users, " "), "alice alice alice")
            assert(sftp:close())
            assert(other:close())
        end, {sftp_factory = function(process)
            users[#users + 1] = process.user
            return #users < 3 and Files.new() or nil
        end})
    end)

    case("SFTP: a handler's words reach the client, and what is not meant for it does not", function()
        local told = {}
        local handler = {
            stat = function(_, path)
                if path == "/words" then
                    return nil, "permission_denied", "not\0 for you" .. ("!"):rep(1000)
                elseif path == "/errno" then
                    return nil, "/etc/secret: Permission denied", 13
                elseif path == "/text" then
                    return nil, "/etc/secret: something"
                elseif path == "/raise" then
                    error("stat raises")
                elseif path == "/wrong" then
                    return 5
                end
                return {type = "fifo"}
            end,
            open = function() return {} end,
            read = function(_, _, offset) return offset == 0 and "data" or nil end,
            list = function() return {{name = "a"}, {name = "b/c"}} end,
        }
        with_ssh(driver, function(client)
            local sftp = assert(client:sftp())
            local _, text, _, status = sftp:stat("/words")
            equal(status, "permission_denied")
            equal(text:sub(1, 11), "not for you")
            assert(#text <= 256)
            equal(status_of(sftp:stat("/errno")), "permission_denied")
            _, text, _, status = sftp:stat("/text")
            equal(status, "failure")
            assert(not text:find("secret", 1, true))
            equal(status_of(sftp:stat("/raise")), "failure")
            equal(status_of(sftp:stat("/wrong")), "failure")
            equal(#told, 2)
            equal(sftp:lstat("/x").type, "fifo")
            equal(status_of(sftp:mkdir("/x")), "unsupported")
            equal(sftp:supports("statvfs"), false)
            fails(sessile.ERR_UNSUPPORTED, sftp:statvfs())
            equal(sftp:read_file("/x"), "data")
            equal(sftp:realpath("../a/./b"), "/a/b")
            equal(status_of(sftp:list("/")), "failure")
            equal(#told, 3)
            equal(sftp:lstat("/x").type, "fifo")
            assert(sftp:close())
        end, {sftp_factory = handler, on_error = function(problem) told[#told + 1] = problem end})
    end)

    case("SFTP: offsets that cannot be counted with are refused before the handler sees them", function()
        with_files({["/a"] = "hello"}, function(sftp, fs, client)
            local called = 0
            local read, write = fs.read, fs.write
            function fs:read(...)
                called = called + 1
                return read(self, ...)
            end
            function fs:write(...)
                called = called + 1
                return write(self, ...)
            end
            local file = assert(sftp:open("/a", "r+"))
            local statuses = {}
            for _, offset in ipairs {"9007199254740993", "9223372036854775807", "18446744073709551614", math.huge} do
                for _, method in ipairs {"read", "write"} do
                    local request = assert(sessile.SFTPRequest:new(sftp.sftp, function(self)
                        statuses[#statuses + 1] = status_of(self:result())
                        client.wire:wake()
                    end))
                    assert(request[method](request, file.handle, offset, method == "read" and 1 or "x"))
                end
            end
            assert(client.wire:wait(function() return #statuses == 8 end, client.wire:deadline(20)))
            equal(table.concat(statuses, " "), ("failure "):rep(7) .. "failure")
            equal(called, 0)
            equal(file:read("a"), "hello")
            assert(file:close())
        end)
    end)

    case("SFTP: writes to a file begin and are answered in the client's order, whichever ends first", function()
        with_files({}, function(sftp, fs, client)
            local began, answered, go = {}, {}, false
            local write = fs.write
            function fs:write(file, offset, data)
                began[#began + 1] = offset
                -- The first is the last to end.
                client.wire:wait(function() return go or offset > 0 end)
                if offset == 3 then
                    error("the fourth raises")
                elseif offset == 4 then
                    go = true
                    client.wire:wake()
                end
                return write(self, file, offset, data)
            end
            local file = assert(sftp:open("/a", "w"))
            for offset = 0, 4 do
                local request = assert(sessile.SFTPRequest:new(sftp.sftp, function(self)
                    answered[#answered + 1] = self:result() and offset or -1
                    client.wire:wake()
                end))
                assert(request:write(file.handle, offset, tostring(offset)))
            end
            assert(client.wire:wait(function() return #answered == 5 end, client.wire:deadline(20)))
            equal(table.concat(began, " "), "0 1 2 3 4")
            equal(table.concat(answered, " "), "-1 0 1 2 4")
            assert(file:close())
        end, {on_error = function() end})
    end)

    case("SFTP: too many open files are refused and closed, and those that are left are closed in the end", function()
        local fs = Files.new {["/a"] = "x"}
        with_ssh(driver, function(client)
            local sftp = assert(client:sftp())
            for _ = 1, 256 do
                assert(sftp:open("/a"))
            end
            equal(status_of(sftp:open("/a")), "failure")
            equal(fs.open_files, 256)
            assert(sftp:close())
            client.wire:wait(function() return fs.open_files == 0 end, client.wire:deadline(5))
            equal(fs.open_files, 0)
        end, {sftp_factory = fs})
    end)

    case("SFTP: a server that only reads refuses changes", function()
        with_files({["/a"] = "x"}, function(sftp, fs)
            equal(status_of(sftp:write_file("/b", "x")), nil)
            fs.read_only = true
        end)
        local fs = Files.new {["/a"] = "x"}
        fs.read_only = true
        with_ssh(driver, function(client)
            local sftp = assert(client:sftp())
            equal(status_of(sftp:write_file("/b", "x")), "permission_denied")
            equal(status_of(sftp:remove("/a")), "permission_denied")
            equal(sftp:read_file("/a"), "x")
            assert(sftp:close())
        end, {sftp_factory = fs})
    end)

    case("SFTP: clients that are over are collected", function()
        local seen = setmetatable({}, {__mode = "k"})
        with_files({["/a"] = TEXT}, function(_, _, client)
            for _ = 1, 3 do
                local sftp = assert(client:sftp())
                equal(sftp:get("/a", function() end), #TEXT)
                seen[sftp], seen[sftp.sftp] = true, true
                assert(sftp:close())
            end
            driver.loop.waiter():wait(0.05)
            collectgarbage()
            collectgarbage()
            equal(next(seen), nil)
        end)
    end)
end
