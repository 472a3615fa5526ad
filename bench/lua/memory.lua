-- SPDX-License-Identifier: Apache-2.0
--
-- memory.lua SECONDS: TLS 1.3 in memory, both ends in one state, what the one sends handed to the other as it comes:
-- writes of 64 KiB, in MiB for a second of CPU time. SESSILE_BENCH_IDENTITY: the folder with server.crt and server.key.

local sessile = require "sessile"

local SECONDS = tonumber((...)) or 1
local SIZE = 64 * 1024
local folder = assert(os.getenv("SESSILE_BENCH_IDENTITY"), "SESSILE_BENCH_IDENTITY is not set")

local function read_file(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

local End = sessile.Session:extend()

function End:on_send(data) self.waiting[#self.waiting + 1] = data end

function End:on_ready() self.ready = true end

function End:on_close() end

-- Hand over what waits. Flights are whole: all of it is taken.
local function carry(one, other)
    local waiting = one.waiting
    for index = 1, #waiting do
        local data = waiting[index]
        assert(other:receive(data) == #data)
        waiting[index] = nil
    end
end

local suite = {versions = {"1.3"}, ciphersuites = "TLS_AES_128_GCM_SHA256"}
local function config(more)
    for name, value in pairs(suite) do
        more[name] = value
    end
    return more
end

local client = assert(End:new {waiting = {}})
local server = assert(End:new {waiting = {}})
local stream = assert(client:tls_connect(assert(sessile.TLSConfig.client(config {
    trust = read_file(folder .. "/server.crt"),
})), "server.test"))
local answer = assert(server:tls_accept(assert(sessile.TLSConfig.server(config {
    certificate = read_file(folder .. "/server.crt"), key = read_file(folder .. "/server.key"),
}))))
local got = 0
function answer.on_data(_, data) got = got + #data end
function stream.on_data() end
repeat
    carry(client, server)
    carry(server, client)
until client.ready and server.ready

local data = ("x"):rep(SIZE)
local start, sent = os.clock(), 0
repeat
    for _ = 1, 16 do
        assert(stream:write(data) == SIZE)
        carry(client, server)
        sent = sent + SIZE
    end
until os.clock() - start >= SECONDS
assert(got == sent)
print(("%.1f"):format(sent / (os.clock() - start) / 1048576))
