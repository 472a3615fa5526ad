-- SPDX-License-Identifier: Apache-2.0
--
-- The package against the headers: whatever is public is there, or stands in parity.txt with the reason. And what
-- editors are told: every public method has its annotations.

local core = require "sessile.core"
local constants = require "sessile.constants"
local h = require "harness"
local test, equal = h.test, h.equal

local tree = assert(os.getenv("SESSILE_TREE"), "SESSILE_TREE is not set")
local FILES = {
    "init", "base", "constants", "session", "stream", "question", "keys", "trust", "tls", "ssh", "agent",
    "sftp", "sftp_attrs", "sftp_request", "sftp_transfer", "sftp_server", "sftp_client",
    "sftp_file",
}
local HEADERS = {
    "agent", "comm", "error", "inbox", "key", "over_stream", "pair", "question", "session", "sftp",
    "sftp_server", "sftp_transfer", "ssh", "stream", "tls", "trust",
}

local texts, all = {}, {}
for index, name in ipairs(FILES) do
    texts[name] = h.read_file(tree .. "/bindings/lua/sessile/" .. name .. ".lua")
    all[index] = texts[name]
end
local sources = table.concat(all)

local function header_functions()
    local found = {}
    for _, name in ipairs(HEADERS) do
        local text = h.read_file(tree .. "/libcore/include/sessile/" .. name .. ".h"):gsub("/%*.-%*/", "")
        for declared in text:gmatch("SESSILE_API[^;]-sessile_([a-z0-9_]+)%(") do
            found[#found + 1] = declared
        end
    end
    return found
end

local function rows()
    local found = {}
    for line in h.read_file(tree .. "/bindings/lua/parity.txt"):gmatch("[^\n]+") do
        if not line:find("^#") then
            local pattern, reason = line:match("^(%S+)%s+(%S.*)$")
            assert(pattern, "a row without a reason: " .. line)
            found[#found + 1] = {pattern = "^" .. pattern:gsub("%*", ".*") .. "$", name = pattern, reason = reason}
        end
    end
    return found
end

local function in_package(name)
    return sources:find("%f[%w_]core%." .. name .. "%f[^%w_]") ~= nil
        or (name:find("^callbacks_set_") and sources:find('"' .. name:sub(15) .. '"', 1, true) ~= nil)
end

test("a function has its place or a reason", function()
    local declared = header_functions()
    assert(#declared > 250, #declared)
    local missing = {}
    for _, name in ipairs(declared) do
        local excused = false
        for _, row in ipairs(rows()) do
            excused = excused or name:find(row.pattern) ~= nil
        end
        if not excused and not in_package(name) then
            missing[#missing + 1] = name
        end
    end
    equal(table.concat(missing, " "), "")
end)

test("a row of parity is needed", function()
    for _, row in ipairs(rows()) do
        local needed = false
        for _, name in ipairs(header_functions()) do
            needed = needed or (name:find(row.pattern) ~= nil and not in_package(name))
        end
        assert(needed, row.name)
    end
end)

test("what the package calls is there", function()
    for name in sources:gmatch("%f[%w_]core%.([%w_]+)") do
        assert(core[name] ~= nil or name == "callbacks_set_", name)
    end
end)

test("every constant has a name in a group, and its value", function()
    local count = 0
    for index = 0, core.constant_count() - 1 do
        local name = core.constant_name(index)
        equal(core[name], core.constant_value(index))
        assert(name == "OK" or constants.grouped[name], name)
        count = count + 1
    end
    assert(count > 150)
    equal(core.constant_name(count), nil)
end)

test("the aliases for editors have the names that there are", function()
    local aliases = {
        QuestionKind = "question", Item = "item", Notice = "notice", Counter = "counter", Event = "event",
        HostStatus = "host_status", KeyFormat = "key_format", PublicFormat = "public_format", Hash = "hash",
        CertificateKind = "certificate_kind", Allow = "allow", ClientCertificate = "client_certificate",
        AskPeer = "ask_peer", OCSP = "ocsp", TLSVersion = "version", ChannelBinding = "channel_binding",
        Algorithms = "algorithms", Limit = "limit", SSHInfo = "info", Role = "role",
        SFTPOperation = "sftp_operation", SFTPFlag = "sftp_flag", SFTPStatus = "sftp_status", SFTPAttr = "sftp_attr",
        SFTPLimit = "sftp_limit", SFTPNumber = "sftp_number",
    }
    local told, current = {}, nil
    for line in texts.constants:gmatch("[^\n]+") do
        current = line:match("^%-%-%-@alias sessile%.(%w+)") or (line:find("^%-%-%-|") and current) or nil
        if current then
            told[current] = told[current] or {}
            for name in line:gmatch('"([^"]+)"') do
                told[current][name] = true
            end
        end
    end
    for alias, group in pairs(aliases) do
        for name in pairs(told[alias]) do
            assert(constants[group][name], alias .. " tells of " .. name)
        end
        for name in pairs(constants[group]) do
            assert(type(name) == "number" or told[alias][name], alias .. " does not tell of " .. tostring(name))
        end
    end
end)

test("every public method is documented, with its parameters", function()
    local methods = 0
    for name, text in pairs(texts) do
        local comment = {}
        for line in text:gmatch("([^\n]*)\n") do
            local owner, method, parameters = line:match("^function ([%w.]+)[:.]([%w_]+)%(([^)]*)%)")
            if owner and name ~= "base" and name ~= "constants" and not method:find("^_") and method ~= "of"
                and not (owner:find("^End")) then
                methods = methods + 1
                local told = table.concat(comment, "\n")
                assert(told:find("%-%-%-[^@]"), owner .. ":" .. method .. " has no description")
                for parameter in parameters:gmatch("[%w_]+") do
                    assert(told:find("@param " .. parameter .. "%f[^%w_]"), owner .. ":" .. method .. " " .. parameter)
                end
            end
            if line:find("^%-%-%-") then comment[#comment + 1] = line else comment = {} end
        end
    end
    assert(methods > 200, methods)
end)

h.run()
