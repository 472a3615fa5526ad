-- SPDX-License-Identifier: Apache-2.0
--
-- sftp_peer.lua DRIVER PORT USER FOLDER: the SFTP client over a driver, against OpenSSH's sshd at PORT, in FOLDER, an
-- empty one. sftp.sh calls it.

local driver_name, port, user, folder = ...
local driver = require("sessile." .. driver_name)
local harness = require "harness"
local sessile = require "sessile"

local equal = harness.equal
local identity = os.getenv("SESSILE_TEST_IDENTITY")
local DATA = ("0123456789abcdef"):rep(200000)

local function local_file(name, data)
    local path = folder .. "/" .. name
    local file = assert(io.open(path, "wb"))
    assert(file:write(data))
    assert(file:close())
    return path
end

local function whole_files(sftp, there)
    local from, back = local_file("from", DATA), folder .. "/back"
    equal(sftp:put(from, there .. "/put"), #DATA)
    equal(harness.read_file(there .. "/put") == DATA, true)
    equal(sftp:get(there .. "/put", back), #DATA)
    equal(harness.read_file(back) == DATA, true)
    local_file("back", DATA:sub(1, 1000001))
    equal(sftp:get(there .. "/put", back, {resume = true}), #DATA)
    equal(harness.read_file(back) == DATA, true)
    assert(sftp:truncate(there .. "/put", 77777))
    equal(sftp:put(from, there .. "/put", {resume = true, timeout = 60}), #DATA)
    equal(harness.read_file(there .. "/put") == DATA, true)
    local size = 0
    equal(sftp:get(there .. "/put", function(data) size = size + #data end), #DATA)
    equal(size, #DATA)
    local left = 5
    equal(sftp:put(function()
        left = left - 1
        return left >= 0 and DATA or nil
    end, there .. "/five", {attrs = {permissions = 384}}), 5 * #DATA)
    equal(#harness.read_file(there .. "/five"), 5 * #DATA)
    equal(sftp:stat(there .. "/five").permissions % 4096, 384)
    equal(sftp:put(local_file("empty", ""), there .. "/empty"), 0)
    equal(sftp:get(there .. "/empty", back), 0)
    equal(harness.read_file(back), "")
    local _, _, code, status = sftp:get(there .. "/none", back)
    equal(code, sessile.ERR_REFUSED)
    equal(status, "no_such_file")
end

local function names(sftp, there)
    local odd = {"new\nline", "\255\254", ("x"):rep(255), " ", "-l", "*"}
    for _, name in ipairs(odd) do
        assert(sftp:write_file(there .. "/" .. name, name))
    end
    local seen = {}
    for _, entry in ipairs(assert(sftp:list(there))) do
        seen[entry.name] = entry.size
    end
    for _, name in ipairs(odd) do
        equal(seen[name], #name)
        equal(sftp:read_file(there .. "/" .. name), name)
        assert(sftp:remove(there .. "/" .. name))
    end
    equal(#assert(sftp:list(there)), 0)
end

local function changes(sftp, there)
    assert(sftp:write_file(there .. "/a", "hello"))
    assert(sftp:symlink("a", there .. "/l"))
    equal(sftp:readlink(there .. "/l"), "a")
    equal(sftp:lstat(there .. "/l").type, "link")
    equal(sftp:read_file(there .. "/l"), "hello")
    assert(sftp:link(there .. "/a", there .. "/h"))
    assert(sftp:write_file(there .. "/b", "other"))
    equal(select(4, sftp:rename(there .. "/a", there .. "/b")), "failure")
    assert(sftp:replace(there .. "/a", there .. "/b"))
    equal(sftp:read_file(there .. "/b"), "hello")
    assert(sftp:chmod(there .. "/b", 256))
    assert(sftp:utime(there .. "/b", 5, 6))
    local attrs = sftp:stat(there .. "/b")
    equal(attrs.permissions % 4096, 256)
    equal(attrs.atime .. " " .. attrs.mtime .. " " .. attrs.size .. " " .. attrs.type, "5 6 5 file")
    equal(sftp:realpath(there .. "/./../there"), there)
    equal(sftp:expand("~"), sftp:home())
    assert(sftp:statvfs(there).bsize > 0)
    local users = assert(sftp:names_of({attrs.uid}, {}))
    equal(users[1], user)
    if sftp:supports("copy_data") then
        assert(sftp:copy(there .. "/h", there .. "/c"))
        equal(sftp:read_file(there .. "/c"), "hello")
    end
    local file = assert(sftp:open(there .. "/h", "r+"))
    assert(file:seek("end"))
    assert(file:write(" there"))
    assert(file:sync())
    assert(file:seek("set", 3))
    equal(file:read("a"), "lo there")
    assert(file:close())
    equal(harness.read_file(there .. "/h"), "hello there")
    for _, entry in ipairs(assert(sftp:list(there))) do
        assert(sftp:remove(entry.path))
    end
end

local function main()
    local host = assert(sessile.Key.read_public(harness.read_file(identity .. "/host.pub")))
    local known = assert(sessile.KnownHosts.read(sessile.KnownHosts.line("127.0.0.1", tonumber(port), host)))
    local ssh = assert(driver.connect("127.0.0.1", {
        port = tonumber(port), username = user, client_keys = {identity .. "/user"}, known_hosts = known, timeout = 60,
    }))
    local sftp = assert(ssh:sftp())
    local there = folder .. "/there"
    assert(sftp:mkdir(there))
    names(sftp, there)
    changes(sftp, there)
    whole_files(sftp, there)
    equal(select(4, sftp:rmdir(there)), "failure")
    for _, entry in ipairs(assert(sftp:list(there))) do
        assert(sftp:remove(entry.path))
    end
    assert(sftp:rmdir(there))
    assert(sftp:close())
    assert(ssh:run("true").exit_status == 0)
    assert(ssh:close())
    print("internal-sftp is content")
end

local function failed(problem)
    io.stderr:write(tostring(problem), "\n")
    os.exit(1)
end

if driver_name == "luv" then
    driver.spawn(main, failed)
    require("luv").run()
elseif driver_name == "cqueues" then
    local queue = require("cqueues").new()
    queue:wrap(main)
    assert(queue:loop())
else
    driver.spawn(main, failed)
    driver.run()
end
