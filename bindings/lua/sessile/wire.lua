-- SPDX-License-Identifier: Apache-2.0
--
-- What the drivers share: a session on a wire that something else carries, and coroutines that wait for it.
--
-- A driver gives a loop: now() in seconds, waiter(), which has wait(seconds) -> whether it was signalled, and signal(),
-- and spawn(call, failed), which runs a function as a task. And it gives an io, the open connection: start(wire) and
-- again() (the wire wants bytes), send(data), pending() (bytes not yet sent), finish() (close when all is sent), and
-- abort(). The io tells the wire what happens: arrived(data), ended() (nothing more will), lost(problem), sent() and
-- gone() (it is closed), and reads no more while wants() is false. A signal never runs its coroutine on the spot, so
-- that it may be given from inside any callback.

local sessile_session = require "sessile.session"
local core = require "sessile.core"

-- The queue behind on_send: above the one mark the session is held, until it is below the other. In bytes.
local HIGH, LOW = 256 * 1024, 64 * 1024

---@class sessile.Wire
---@field session sessile.Session
---@field io table
---@field problem string? what the operating system said when the wire broke
local Wire = {}
Wire.__index = Wire

local OfWire = sessile_session.Session:extend()

function OfWire:on_send(data)
    local wire = self.wire
    if wire.is_gone then
        return false
    end
    wire.io:send(data)
    if not wire.held and wire.io:pending() > HIGH then
        wire.held = true
        self:hold(true)
    end
end

function OfWire:on_close() self.wire:_part() end

function OfWire:on_resume() self.wire:offer() end

function OfWire:on_ready()
    self.wire.ready = true
    self.wire:wake()
end

function OfWire:on_closed()
    self.wire:_part()
    self.wire:wake()
end

-- Freed by hand it would tell nobody, and whoever waits would wait for ever.
function OfWire:free()
    self.wire:abort()
    sessile_session.Session.free(self)
end

---@param loop table
---@param io table an open connection
---@param options {shutdown_timeout: number?}?
---@return sessile.Wire?, string?, integer?
function Wire.new(loop, io, options)
    local self = setmetatable({loop = loop, io = io, kept = "", waiting = {}}, Wire)
    self.shutdown_timeout = options and options.shutdown_timeout or 10
    local session, text, code = OfWire:new {wire = self}
    if not session then
        io:abort()
        return nil, text, code
    end
    self.session = session
    return self
end

---Begin to read. Whatever begins the protocol comes before.
function Wire:start() self.io:start(self) end

-- Waiting ------------------------------------------------------------------------------------------------------------

---Wait until ready() says so. deadline: in the loop's time; nil waits for ever.
---@param ready fun(): any
---@param deadline number?
---@return true?, string?
function Wire:wait(ready, deadline)
    while not ready() do
        local left = deadline and deadline - self.loop.now()
        if left and left <= 0 then
            return nil, "timeout"
        end
        local waiter = self.loop.waiter()
        self.waiting[waiter] = ready
        waiter:wait(left)
        self.waiting[waiter] = nil
    end
    return true
end

---The deadline of a timeout.
---@param timeout number? seconds
---@return number?
function Wire:deadline(timeout) return timeout and self.loop.now() + timeout end

---Something has changed: those go on whose turn it is.
function Wire:wake()
    for waiter, ready in pairs(self.waiting) do
        if ready() then
            waiter:signal()
        end
    end
    if not self.is_gone and self:wants() then
        self.io:again()
    end
end

---Call a function after so many seconds, unless what is returned is called before.
---@param seconds number
---@param call fun()
---@return fun()
function Wire:after(seconds, call)
    local cancelled
    local deadline = self.loop.now() + seconds
    self.loop.spawn(function()
        if not self:wait(function() return cancelled end, deadline) then
            call()
        end
    end, self.loop.report)
    return function()
        cancelled = true
        self:wake()
    end
end

-- From the io --------------------------------------------------------------------------------------------------------

---Whether more bytes are of use now.
---@return boolean
function Wire:wants()
    local session = self.session
    return not session.over and not self.offering and (self.kept == "" or session:want() > #self.kept)
end

---@param data string
function Wire:arrived(data)
    if not self.session.over then
        self.kept = self.kept == "" and data or self.kept .. data
        self:offer()
    end
end

local function receive(self)
    local session, offered = self.session, self.kept
    local well, taken = pcall(session.receive, session, offered)
    if not well then
        local problem = taken
        taken = session:freed() and #offered or session:taken()
        self.loop.report(problem)
    end
    self.kept = taken and offered:sub(taken + 1) or ""
end

---Offer what the session has not taken yet.
function Wire:offer()
    self.once_more = true
    if self.offering then
        return
    end
    self.offering = true
    while self.once_more and self.kept ~= "" and not self.session.over do
        self.once_more = false
        receive(self)
    end
    self.offering = false
    self:_tell_end()
    self:wake()
end

-- The end comes behind what arrived before it.
function Wire:_tell_end()
    if self.end_arrived and not self.end_told and not self.session.over then
        if self.kept ~= "" and self.session:want() == 0 then
            return
        end
        self.end_told = true
        self.session:wire_ended()
    end
end

---Nothing more will arrive, but the other direction may be open.
function Wire:ended()
    self.end_arrived = true
    self:_tell_end()
    self:wake()
end

---The connection broke.
---@param problem string
function Wire:lost(problem)
    self.problem = self.problem or problem
    self:gone()
end

---The io has sent something.
function Wire:sent()
    if self.held and self.io:pending() <= LOW and not self.session.over then
        self.held = false
        self.session:hold(false)
    end
    self:wake()
end

---The io is closed.
function Wire:gone()
    if self.is_gone then
        return
    end
    self.is_gone = true
    if not self.session.over then
        self.session:wire_closed()
    end
    self.io:abort()
    self.kept = ""
    if self.cancel_patience then
        self.cancel_patience()
        self.cancel_patience = nil
    end
    self:wake()
end

-- Ending -------------------------------------------------------------------------------------------------------------

-- The session is done with the wire: what is queued goes out, for a while.
function Wire:_part()
    if self.parting or self.is_gone then
        return
    end
    self.parting = true
    self.io:finish()
    if not self.is_gone and not self.closing then
        self:expect_end(self.shutdown_timeout)
    end
end

---Have it all end within so many seconds.
---@param seconds number
function Wire:expect_end(seconds)
    if not self.cancel_patience and not self.is_gone then
        self.cancel_patience = self:after(seconds, function() self:abort() end)
    end
end

---End at once: nothing more is sent.
function Wire:abort()
    if not self.session.over then
        self.session:abort()
    end
    self:gone()
end

---End gracefully, and wait for it: say goodbye, and hear the peer's, within so many seconds.
---@param timeout number?
---@return true?, string?, integer?
function Wire:close(timeout)
    self.closing = true
    if not self.session.over then
        self.session:finish()
    end
    local deadline = self:deadline(timeout or self.shutdown_timeout)
    local closed, problem = self:wait(function() return self.is_gone end, deadline)
    if not closed then
        self:abort()
        return nil, problem
    end
    local text, code = self:error()
    if code then
        return nil, text, code
    end
    return true
end

---What went wrong: the session's error, behind which may stand the wire's.
---@return string?, integer?
function Wire:error()
    local text, code = self.session:error()
    local by_wire = code == core.ERR_DROPPED or code == core.ERR_TRUNCATED or code == core.ERR_COMM
    if self.problem and (not code or by_wire) then
        return self.problem, code or core.ERR_COMM
    end
    return text, code
end

---Wait until the session is ready. What stands in the way is returned, and the wire is closed then.
---@param timeout number?
---@return true?, string?, integer?
function Wire:handshake(timeout)
    local session = self.session
    local well, problem = self:wait(function() return self.ready or session.over end, self:deadline(timeout))
    if well and self.ready then
        return true
    end
    local text, code = self:error()
    if not well then
        self:abort()
        return nil, problem
    end
    return nil, self.refusal or text or "the peer closed the connection", code
end

return {Wire = Wire}
