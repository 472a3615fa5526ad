-- SPDX-License-Identifier: Apache-2.0
--
-- A session: one secure conversation over one wire, which it never touches. Whoever owns the wire hands in what arrived
-- (receive) and is handed what is to be sent (on_send).
--
-- Callbacks are fields of the session, or methods of a class that extends Session; they are called as methods. Anything
-- may be called from inside any of them, but they cannot yield: a coroutine that is to be resumed by what arrives is
-- resumed by the callback. What a callback raises, a value of any type, comes out of the outermost call on the stack;
-- the session whose callback it was has failed then, another one has not.

local base = require "sessile.base"
local constants = require "sessile.constants"
local core = require "sessile.core"
local question = require "sessile.question"
local stream = require "sessile.stream"

local session_receive = core.session_receive

local CALLBACKS = assert(core.callbacks_new())
for _, name in ipairs {"ready", "question", "withdrawn", "stream", "notice", "closed"} do
    core["callbacks_set_" .. name](CALLBACKS, true)
end

---@class sessile.Session : sessile.Owner
---@field on_send fun(self: sessile.Session, data: string): any have all of data sent. Raising, or returning false, a
---negative number, or nil with something behind it, ends the session. A returned count must be all of it
---@field on_close (fun(self: sessile.Session))? the session is done with the wire: close it when what was given to
---on_send has gone out
---@field on_resume (fun(self: sessile.Session))? offer again what receive did not take. Where it comes while a receive
---of this session is on the stack, note it, and offer once that has returned. Without it (it counts only when it is
---there from the start) sessions cannot be paused, nor questions that block be answered later
---@field on_ready (fun(self: sessile.Session))? the peer is authenticated as far as the config asks for
---@field on_question (fun(self: sessile.Session, question: sessile.Question))? answer it now, or keep() it; else it is
---refused
---@field on_withdrawn (fun(self: sessile.Session, question: sessile.Question))? one that was kept is no longer of
---interest
---@field on_stream (fun(self: sessile.Session, stream: sessile.Channel))? the peer opened a stream, with a question's
---consent
---@field on_notice (fun(self: sessile.Session, notice: sessile.Notice, data: string))? something to know: a ticket, a
---banner
---@field on_closed (fun(self: sessile.Session, message: string?, code: integer?))? the session is over: without a
---message, cleanly
---@field on_trace (fun(self: sessile.Session, direction: "received"|"sent", message: string, size: integer,
---phase: string))? see set_trace
---@field over boolean whether on_closed has been called, or would have been
---@field tls sessile.TLS? what TLS has negotiated, and what only TLS can do: from tls_connect and tls_accept on
---@field ssh sessile.SSH? the same for SSH
local Session = base.class("sessile.Session")

local WEAK = {__mode = "v"}

local function begin(self, handle)
    self._handle = handle
    self.over = false
    self._begun = false
    self._streams = {}
    self._known = setmetatable({}, WEAK)
    self._questions = setmetatable({}, WEAK)
    return self
end

---A class whose sessions have its methods, callbacks among them, before those of this one.
---@return table
function Session:extend()
    return base.class(self.__name, self)
end

---A session for a wire that is open: the table that is given, with on_send and whatever else it has. It sends nothing
---until a protocol is chosen: tls_connect, tls_accept, ssh_connect, ssh_accept.
---@param self table the class
---@param session table?
---@return sessile.Session?, string?, integer?
function Session:new(session)
    session = setmetatable(session or {}, self)
    if not session.on_send then
        error("a session needs on_send", 2)
    end
    session._slot = core.slot(session)
    local handle, text, code = core.session_create(session._slot)
    if not handle then
        return base.failure(code or core.ERR_MEMORY, text)
    end
    begin(session, handle)
    if session.on_resume then
        core.session_set_resume(handle, true)
    end
    return session
end

---A session that the library has made together with its wire.
---@param handle userdata
---@param class table?
---@return sessile.Session
function Session.adopt(handle, class)
    local session = setmetatable({}, class or Session)
    session._slot = core.slot(session)
    return begin(session, handle)
end

-- The wire -----------------------------------------------------------------------------------------------------------

---Process bytes that arrived: all that were not taken yet, in order. Returns how many were taken, whole units from the
---start; the rest is to be offered again with more behind it. nil, a text and a code once the session has failed.
---@param data string
---@return integer?, string?, integer?
function Session:receive(data)
    return session_receive(self._handle, data)
end

---How many bytes the last receive took: for one that raised what another session's callback had raised.
---@return integer
function Session:taken() return core.taken(self._handle) end

---The wire is gone: the other side closed it, or it broke. on_closed tells a clean end, dropped and truncated apart.
function Session:wire_closed()
    core.session_close(self._handle)
    self:_settle()
end

---Nothing more will arrive, but the wire may still take bytes (TCP's FIN).
---@return true?, string?, integer?
function Session:wire_ended() return base.done(core.session_receive_end(self._handle)) end

---How many bytes, from the start of what was not taken, make progress possible. 0: it takes nothing now.
---@return integer?, string?, integer?
function Session:want() return core.session_want(self._handle) end

---The largest want() of this session's life, in bytes. 0 before the protocol is chosen.
---@return integer?, string?, integer?
function Session:want_max() return core.session_want_max(self._handle) end

---Say that the queue behind on_send is over its mark, or, with false, has drained.
---@param on boolean
---@return true?, string?, integer?
function Session:hold(on) return base.done(core.session_hold(self._handle, on)) end

---End without ever calling on_close: what follows the peer's goodbye on the wire is left untaken.
---@return true?, string?, integer?
function Session:detach() return base.done(core.session_detach(self._handle)) end

-- The protocol -------------------------------------------------------------------------------------------------------

local function only_stream(self, protocol)
    local handle, text, code = core.session_stream(self._handle)
    if not handle then
        return base.failure(code or core.ERR_MEMORY, text)
    end
    local made = stream.Stream.of(self, handle)
    self:_open(made)
    self._begun = true
    self.tls = protocol
    return made
end

local function tls_begin(self, begin_with, options)
    local result, text, code = true, nil, nil
    core.session_set_time(self._handle, core.now())
    if options and options.ticket then
        result, text, code = core.tls_resume(self._handle, options.ticket)
    end
    if result and options and options.insecure_keylog then
        result, text, code = core.tls_insecure_keylog(self._handle, true)
    end
    if not result then
        return nil, text, code
    end
    return base.batched(self._handle, begin_with)
end

---@class sessile.TLSOptions
---@field ticket string? client: what the notice "tls_ticket" brought, to resume that session
---@field insecure_keylog boolean? give key log lines by the notice "tls_keylog"

---Begin as a TLS client, and return the session's stream; on_ready follows. host: the name or address that the
---certificate must be for; nil only with a config that does not check it.
---@param config sessile.TLSConfig
---@param host string?
---@param options sessile.TLSOptions?
---@return sessile.Stream?, string?, integer?
function Session:tls_connect(config, host, options)
    local tls = require "sessile.tls"
    local handle = base.expect(config, tls.TLSConfig)
    return tls_begin(self, function()
        local begun, text, code = core.tls_connect(self._handle, handle, host, CALLBACKS, self._slot)
        if not begun then
            return nil, text, code
        end
        return only_stream(self, tls.TLS.of(self))
    end, options)
end

---Begin as a TLS server, and return the session's stream; on_ready follows.
---@param config sessile.TLSConfig
---@param options sessile.TLSOptions?
---@return sessile.Stream?, string?, integer?
function Session:tls_accept(config, options)
    local tls = require "sessile.tls"
    local handle = base.expect(config, tls.TLSConfig)
    return tls_begin(self, function()
        local begun, text, code = core.tls_accept(self._handle, handle, CALLBACKS, self._slot)
        if not begun then
            return nil, text, code
        end
        return only_stream(self, tls.TLS.of(self))
    end, options)
end

---Begin as an SSH client; on_ready follows when the user is authenticated. host, port: what the host key is looked up
---by.
---@param config sessile.SSHConfig
---@param host string
---@param user string
---@param port integer?
---@return true?, string?, integer?
function Session:ssh_connect(config, host, user, port)
    local ssh = require "sessile.ssh"
    local handle = base.expect(config, ssh.SSHConfig)
    core.session_set_time(self._handle, core.now())
    return base.batched(self._handle, function()
        local begun, text, code = core.ssh_connect(self._handle, handle, host, port or 22, user, CALLBACKS, self._slot)
        if begun then
            self._begun = true
            self.ssh = ssh.SSH.of(self)
        end
        return base.done(begun, text, code)
    end)
end

---Begin as an SSH server; on_ready follows when a user is authenticated. peer_address: the client's address as text,
---for certificates that are bound to one.
---@param config sessile.SSHConfig
---@param peer_address string?
---@return true?, string?, integer?
function Session:ssh_accept(config, peer_address)
    local ssh = require "sessile.ssh"
    local handle = base.expect(config, ssh.SSHConfig)
    core.session_set_time(self._handle, core.now())
    return base.batched(self._handle, function()
        local begun, text, code = core.ssh_accept(self._handle, handle, CALLBACKS, self._slot)
        if begun then
            self._begun = true
            self.ssh = ssh.SSH.of(self)
            if peer_address then
                begun, text, code = core.ssh_set_peer_address(self._handle, peer_address)
            end
        end
        return base.done(begun, text, code)
    end)
end

-- Both ---------------------------------------------------------------------------------------------------------------

---The one stream of a TLS session, while it is open; nil else.
---@return sessile.Stream?
function Session:stream()
    return core.session_stream(self._handle) and select(2, next(self._streams)) or nil
end

---The streams that are open.
---@return sessile.Stream[]
function Session:streams()
    local found = {}
    for _, each in pairs(self._streams) do
        found[#found + 1] = each
    end
    return found
end

---From here to leave() calls add up: nothing is sent, and nothing that waits for rest is called back. Nests.
---@return true?, string?, integer?
function Session:enter() return base.done(core.session_enter(self._handle)) end

---Send what has added up, in one piece.
---@return true?, string?, integer?
function Session:leave() return base.done(core.session_leave(self._handle)) end

---Call a function between enter() and leave(). Returns what it returns, and raises what it raises.
---@param call function
---@return any
function Session:batch(call, ...)
    return base.batched(self._handle, call, ...)
end

---Stop taking bytes, or, with false, go on: on_resume follows then. Needs on_resume.
---@param on boolean
---@return true?, string?, integer?
function Session:pause(on) return base.done(core.session_pause(self._handle, on)) end

---End gracefully: say goodbye, and wait for the peer's, as long as the comms layer lets it.
---@return true?, string?, integer?
function Session:finish()
    local ended, text, code = core.session_end(self._handle)
    self:_settle()
    return base.done(ended, text, code)
end

---End at once: nothing more is sent, and the wire is closed.
---@return true?, string?, integer?
function Session:abort()
    local ended, text, code = core.session_abort(self._handle)
    self:_settle()
    return base.done(ended, text, code)
end

-- The library has nobody to tell of an end before a protocol is chosen.
function Session:_settle()
    if not self._begun and not self.over and not self:freed() then
        self:_closed(core.session_error(self._handle))
    end
end

---The first fatal error, which never changes: its text and its code; nil while there is none.
---@return string?, integer?
function Session:error()
    if not self._error and not self:freed() then
        local code = core.session_error(self._handle)
        if code < 0 then
            self._error, self._code = core.session_error_text(self._handle), code
        end
    end
    return self._error, self._code
end

---Tell the time by which certificates are judged; connecting and accepting tell the present one.
---@param unix_seconds integer
---@return true?, string?, integer?
function Session:set_time(unix_seconds) return base.done(core.session_set_time(self._handle, unix_seconds)) end

---Count from zero on, or, with false, stop counting.
---@param on boolean
---@return true?, string?, integer?
function Session:set_counters(on) return base.done(core.session_set_counters(self._handle, on)) end

---A counter's value; 0 while nothing is counted.
---@param counter sessile.Counter
---@return number|string|nil, string?, integer?
function Session:counter(counter)
    return core.session_counter(self._handle, constants.number(constants.counter, counter, "counter"))
end

---Have on_trace called for each protocol message. nil turns it off.
---@param on_trace (fun(self: sessile.Session, direction: string, message: string, size: integer, phase: string))?
---@return true?, string?, integer?
function Session:set_trace(on_trace)
    self.on_trace = on_trace
    return base.done(core.session_set_trace(self._handle, on_trace ~= nil, self._slot))
end

-- From the library ---------------------------------------------------------------------------------------------------

function Session:_question(handle)
    if self.on_question then
        local asked = question.Question.of(self, handle)
        self._questions[core.address(handle)] = asked
        self:on_question(asked)
    end
end

function Session:_withdrawn(address)
    local asked = self._questions[address]
    if asked and self.on_withdrawn then
        self:on_withdrawn(asked)
    end
end

function Session:_channel_of(handle)
    local address = core.address(handle)
    local channel = self._known[address]
    -- Where the old one's is freed, another may have its address.
    if not channel or channel:freed() then
        channel = stream.Channel.of(self, handle)
        self._known[address] = channel
    end
    return channel
end

function Session:_open(opened)
    local address = core.address(opened._handle)
    rawset(opened, "_address", address)
    self._known[address], self._streams[address] = opened, opened
end

function Session:_stream(handle)
    local channel = self:_channel_of(handle)
    self:_open(channel)
    if self.on_stream then
        self:on_stream(channel)
    end
end

function Session:_forget(closed)
    local address = closed._address
    if address and self._streams[address] == closed then
        self._streams[address] = nil
    end
end

function Session:_notice(kind, data)
    if self.on_notice then
        self:on_notice(constants.notice[kind], data)
    end
end

function Session:_trace(direction, message, size, phase)
    if self.on_trace then
        self:on_trace(direction == 0 and "received" or "sent", message, size, phase)
    end
end

function Session:_closed(code)
    self.over = true
    self._streams = {}
    local wire = self._wire
    self._wire = nil
    if wire then
        wire:_carries_no_more()
    end
    if not self.on_closed then
        return
    end
    if code >= 0 then
        self:on_closed()
        return
    end
    local text, its = self:error()
    self:on_closed(its == code and text or core.error_describe(code), code)
end

---Two sessions in memory whose wires are each other: what one sends, the other has received. class: one that extends
---Session.
---@param class table?
---@return sessile.Session?, sessile.Session|string, integer?
local function pair(class)
    local one, other, code = core.pair()
    if not one then
        return nil, other, code
    end
    return Session.adopt(one, class), Session.adopt(other, class)
end

return {Session = Session, pair = pair, CALLBACKS = CALLBACKS}
