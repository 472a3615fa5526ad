-- SPDX-License-Identifier: Apache-2.0
--
-- What readers keep, by itself: a flow that is given bytes by hand.

local flow = require "sessile.flow"
local harness = require "harness"

local equal, test = harness.equal, harness.test

local function reader_of(pieces)
    local wire = {wake = function() end, deadline = function() end}
    local reader = flow.Reader.new {wire = wire, stream = {consumed = function() end}, _failure = function() end}
    local next_piece = 0
    function wire.wait(_, ready)
        while not ready() do
            next_piece = next_piece + 1
            reader:arrived(pieces[next_piece])
        end
        return true
    end
    return reader
end

test("a line is found wherever its pieces are cut", function()
    local text = "one\n\ntwo, and more\nthree\n"
    for size = 1, #text do
        local pieces = {}
        for at = 1, #text, size do
            pieces[#pieces + 1] = text:sub(at, at + size - 1)
        end
        local reader, found = reader_of(pieces), {}
        for _ = 1, 4 do
            found[#found + 1] = reader:read("L")
        end
        equal(table.concat(found), text)
        equal(found[3], "two, and more\n")
    end
end)

-- LuaJIT's compiler does not count.
if not jit then
    test("a line that comes byte by byte costs each byte once", function()
        local count = 50000
        local pieces = {}
        for index = 1, count do
            pieces[index] = "x"
        end
        pieces[count + 1] = "\n"
        local reader, thousands = reader_of(pieces), 0
        debug.sethook(function() thousands = thousands + 1 end, "", 1000)
        local line = reader:read("l")
        debug.sethook()
        equal(#line, count)
        assert(thousands < count, thousands)
    end)
end

harness.run()
