-- SPDX-License-Identifier: Apache-2.0
--
-- luasec.lua [SECONDS]: this module on LuaSocket against LuaSec, in one process and one run: throughput through TCP on
-- this machine, handshakes, and what one receive costs. Both ends are of the same kind, of TLS 1.3, with one
-- certificate; rounds of the two take turns, so that what else the machine does is the same. SESSILE_BENCH_IDENTITY:
-- the folder with server.crt and server.key. Prints a table; JSON lines go to the file in SESSILE_BENCH_JSON.

local sessile = require "sessile"
local socket = require "socket"
local ssl = require "ssl"

local SECONDS = tonumber((...)) or 1
local ROUNDS = 5
local folder = assert(os.getenv("SESSILE_BENCH_IDENTITY"), "SESSILE_BENCH_IDENTITY is not set")
local listener = assert(socket.bind("127.0.0.1", 0))
local _, port = listener:getsockname()

local function tcp_pair()
    local one = assert(socket.connect("127.0.0.1", port))
    local other = assert(listener:accept())
    for _, each in ipairs {one, other} do
        each:setoption("tcp-nodelay", true)
        each:settimeout(0)
    end
    return one, other
end

-- LuaSec -------------------------------------------------------------------------------------------------------------

local luasec = {name = "LuaSec"}

local client_context = assert(ssl.newcontext {
    mode = "client", protocol = "tlsv1_3", verify = "peer", cafile = folder .. "/server.crt", options = "all",
})
local server_context = assert(ssl.newcontext {
    mode = "server", protocol = "tlsv1_3", certificate = folder .. "/server.crt", key = folder .. "/server.key",
    options = "all",
})

function luasec.pair()
    local one, other = tcp_pair()
    local client, server = assert(ssl.wrap(one, client_context)), assert(ssl.wrap(other, server_context))
    client:settimeout(0)
    server:settimeout(0)
    local client_done, server_done
    repeat
        client_done = client_done or client:dohandshake()
        server_done = server_done or server:dohandshake()
    until client_done and server_done
    return {client = client, server = server}
end

-- So many bytes go from the one to the other.
function luasec.carry(ends, data, bytes)
    local client, server, sent, got, from = ends.client, ends.server, 0, 0, 1
    while got < bytes do
        if sent < bytes then
            local last, _, some = client:send(data, from)
            local upto = last or some or from - 1
            sent, from = sent + upto - from + 1, upto >= #data and 1 or upto + 1
        end
        local all, _, some = server:receive(#data)
        got = got + #(all or some or "")
    end
end

function luasec.close(ends)
    ends.client:close()
    ends.server:close()
end

-- Sessile ------------------------------------------------------------------------------------------------------------

local function read_file(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

local ours = {name = "sessile"}
local client_config = assert(sessile.TLSConfig.client {
    trust = read_file(folder .. "/server.crt"), versions = {"1.3"},
})
local server_config = assert(sessile.TLSConfig.server {
    certificate = read_file(folder .. "/server.crt"), key = read_file(folder .. "/server.key"), versions = {"1.3"},
})

local CHUNK = 64 * 1024
local End = sessile.Session:extend()

function End:on_send(data) self.out = self.out == "" and data or self.out .. data end

function End:on_ready() self.ready = true end

function End:on_close() end

function End:flush()
    local out = self.out
    if out ~= "" then
        local last, _, some = self.wire:send(out)
        local upto = last or some or 0
        self.out = upto == #out and "" or out:sub(upto + 1)
    end
end

function End:take()
    local all, _, some = self.wire:receive(CHUNK)
    local data = all or some
    if data ~= "" then
        local kept = self.kept == "" and data or self.kept .. data
        local taken = assert(self:receive(kept))
        self.kept = taken == #kept and "" or kept:sub(taken + 1)
    end
end

local function new_end(wire) return assert(End:new {wire = wire, out = "", kept = "", got = 0}) end

function ours.pair()
    local one, other = tcp_pair()
    local client, server = new_end(one), new_end(other)
    client.stream = assert(client:tls_connect(client_config, "server.test"))
    server.stream = assert(server:tls_accept(server_config))
    function server.stream.on_data(_, data) server.got = server.got + #data end
    function client.stream.on_data() end
    repeat
        client:flush()
        server:take()
        server:flush()
        client:take()
    until client.ready and server.ready
    return {client = client, server = server}
end

function ours.carry(ends, data, bytes)
    local client, server, sent = ends.client, ends.server, 0
    server.got = 0
    while server.got < bytes do
        if sent < bytes and client.out == "" then
            sent = sent + assert(client.stream:write(data))
        end
        client:flush()
        server:take()
    end
end

function ours.close(ends)
    for _, each in pairs(ends) do
        each:abort()
        each.wire:close()
    end
end

-- Measuring ----------------------------------------------------------------------------------------------------------

local function median(values)
    table.sort(values)
    return values[math.floor(#values / 2) + 1]
end

-- Rounds of both in turn. Returns for each the median.
local function compare(measure)
    local found = {{}, {}}
    for _ = 1, ROUNDS do
        for index, way in ipairs {luasec, ours} do
            collectgarbage()
            table.insert(found[index], measure(way))
        end
    end
    return median(found[1]), median(found[2])
end

local function throughput(size)
    local data = ("x"):rep(size)
    return function(way)
        local ends = way.pair()
        local bytes, total, start = math.max(size * 64, 4 * 1024 * 1024), 0, os.clock()
        repeat
            way.carry(ends, data, bytes)
            total = total + bytes
        until os.clock() - start >= SECONDS
        local seconds = os.clock() - start
        way.close(ends)
        return total / seconds / 1e6
    end
end

local function handshakes(way)
    local count, start = 0, os.clock()
    repeat
        way.close(way.pair())
        count = count + 1
    until os.clock() - start >= SECONDS
    return count / (os.clock() - start)
end

-- The other end's records, by the session alone: nanoseconds for one receive of one record that holds 64 bytes.
local function receive_cost()
    local best = math.huge
    for _ = 1, ROUNDS do
        local ends = ours.pair()
        local records = {}
        for index = 1, 20000 do
            ends.client.stream:write(("x"):rep(64))
            records[index] = ends.client.out
            ends.client.out = ""
        end
        local server, start = ends.server, os.clock()
        for index = 1, #records do
            server:receive(records[index])
        end
        best = math.min(best, (os.clock() - start) / #records * 1e9)
        ours.close(ends)
    end
    return best
end

local json = os.getenv("SESSILE_BENCH_JSON") and assert(io.open(os.getenv("SESSILE_BENCH_JSON"), "w"))
local runtime = rawget(_G, "jit") and rawget(_G, "jit").version or _VERSION

local function tell(what, unit, theirs, mine)
    print(("%-34s %10.1f %10.1f  %5.2f  %s"):format(what, theirs, mine, mine / theirs, unit))
    if json then
        json:write(('{"lua": "%s", "what": "%s", "unit": "%s", "luasec": %.1f, "sessile": %.1f}\n'):format(
            runtime, what, unit, theirs, mine))
    end
end

print(("%-34s %10s %10s  %5s"):format(runtime, "LuaSec", "sessile", "ratio"))
for _, size in ipairs {64, 1024, 16384, 65536} do
    tell(("writes of %d bytes"):format(size), "MB/s", compare(throughput(size)))
end
tell("handshakes", "1/s", compare(handshakes))
local cost = receive_cost()
print(("%-34s %10s %10.0f         ns"):format("one receive of 64 bytes", "", cost))
if json then
    json:write(('{"lua": "%s", "what": "receive of 64 bytes", "unit": "ns", "sessile": %.0f}\n'):format(runtime, cost))
    json:close()
end
