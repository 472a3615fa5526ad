-- SPDX-License-Identifier: Apache-2.0
--
-- Streams: ordered flows of bytes inside a session. A TLS session has one; an SSH session has one per channel.
--
-- Callbacks are fields, and are called as methods. Which of on_end and on_stderr there is makes a difference to the
-- library, so these two are kept under other names, and setting them tells the library.

local base = require "sessile.base"
local constants = require "sessile.constants"
local core = require "sessile.core"

local EVENT = constants.event
local stream_write = core.stream_write

-- Callbacks objects, by whether they have end, and stderr.
local made = {}

local function callbacks_with(has_end, has_stderr)
    local index = (has_end and 1 or 0) + (has_stderr and 2 or 0)
    local callbacks = made[index]
    if not callbacks then
        callbacks = assert(core.callbacks_new())
        core.callbacks_set_data(callbacks, true)
        core.callbacks_set_writable(callbacks, true)
        core.callbacks_set_request(callbacks, true)
        core.callbacks_set_stream_closed(callbacks, true)
        core.callbacks_set_end(callbacks, has_end)
        core.callbacks_set_stderr(callbacks, has_stderr)
        made[index] = callbacks
    end
    return callbacks
end

---A flow of bytes both ways. Sessions make them.
---@class sessile.Stream : sessile.Owner
---@field session sessile.Session the session that it is a stream of
---@field over boolean whether it is closed
---@field on_end (fun(self: sessile.Stream))? the peer will send no more. Without it this side is ended too, when no
---short write waits
---@field on_writable (fun(self: sessile.Stream))? after a short write, more can be taken
---@field on_closed (fun(self: sessile.Stream, message: string?, code: integer?, reason: integer?))? the stream is
---over: without a message, cleanly
local Stream = base.class("sessile.Stream")

---A stream of an SSH session.
---@class sessile.Channel : sessile.Stream
---@field exit_status integer? how the command ended, once the peer has told
---@field exit_signal string? which signal ended it, without SIG
---@field exit_message string? what was said of that, escaped
---@field exit_core_dumped boolean?
---@field on_stderr (fun(self: sessile.Channel, data: string))? bytes of the second flow; without it they are dropped
---@field on_open (fun(self: sessile.Channel))? the channel that this side opened is open: until then it takes no data
---and no request
---@field on_reply (fun(self: sessile.Channel, accepted: boolean))? the answer to the oldest request without one
---@field on_event (fun(self: sessile.Channel, event: sessile.Event))? something else came: an exit status, a signal
local Channel = base.class("sessile.Channel", Stream)

-- Fields that stand under other names.
local KEPT = {on_end = "_on_end", on_stderr = "_on_stderr"}

local function listen(self)
    return core.stream_set_callbacks(self._handle, callbacks_with(rawget(self, "_on_end"), rawget(self, "_on_stderr")),
        self._slot)
end

local function set_field(self, key, value)
    local kept = KEPT[key]
    if not kept then
        rawset(self, key, value)
        return
    end
    local changed = (value == nil) ~= (rawget(self, kept) == nil)
    rawset(self, kept, value)
    if changed and not self.over and not rawget(self, "_inner") then
        listen(self)
    end
end

local function fields_of(class)
    return function(self, key)
        local kept = KEPT[key]
        if kept then
            return rawget(self, kept)
        end
        return class[key]
    end
end

for _, class in ipairs {Stream, Channel} do
    class.__index = fields_of(class)
    class.__newindex = set_field
end

local function new(class, session, handle)
    local self = setmetatable({_handle = handle, session = session, over = false}, class)
    rawset(self, "_slot", core.slot(self))
    listen(self)
    return self
end

function Stream.of(session, handle) return new(Stream, session, handle) end

function Channel.of(session, handle) return new(Channel, session, handle) end

---Bytes arrived. This one stands for none: what arrives unheard is an error, since nothing may be lost.
---@param data string
function Stream:on_data(data)
    error(("%d bytes arrived on a stream that has no on_data"):format(#data), 0)
end

---Send bytes. Returns how many were taken: less than all where the session is not ready, is held, or has reached the
---bound of one call. The caller keeps the rest, and on_writable says when to go on. What was taken has been handed to
---on_send when the outermost call returns.
---@param data string
---@return integer?, string?, integer?
function Stream:write(data)
    return stream_write(self._handle, data)
end

---Half close: nothing more will be written; data still arrives. Named so because "end" is a word of Lua's.
---@return true?, string?, integer?
function Stream:finish() return base.done(core.stream_end(self._handle)) end

---End it at once. With TLS that is the session.
---@return true?, string?, integer?
function Stream:abort() return base.done(core.stream_abort(self._handle)) end

---Credit by hand: what was delivered counts as unread until consumed() says otherwise, and with too much unread the
---peer has to wait. Needs the session's on_resume.
---@param on boolean
---@return true?, string?, integer?
function Stream:set_manual(on) return base.done(core.stream_set_manual(self._handle, on)) end

---The application is done with so many bytes.
---@param size integer
---@return true?, string?, integer?
function Stream:consumed(size) return base.done(core.stream_consumed(self._handle, size)) end

---A new session whose wire is this stream, which then has no callbacks of its own any more. Its own session needs
---on_resume. The stream holds the new session until that is over.
---@return sessile.Session?, string?, integer?
function Stream:over_this()
    local handle, text, code = core.over_stream(self._handle)
    if not handle then
        return base.failure(code or core.ERR_MISUSE, text)
    end
    local inner = require("sessile.session").Session.adopt(handle)
    inner._wire = self
    rawset(self, "_inner", inner)
    return inner
end

function Stream:_carries_no_more()
    rawset(self, "_inner", nil)
    self.session:_forget(self)
end

function Stream:_request() end

function Stream:_explain(code)
    local message, its = self.session:error()
    return its == code and message or core.error_describe(code)
end

function Stream:_stream_closed(code)
    self.over = true
    self.session:_forget(self)
    if not self.on_closed then
        return
    end
    if code < 0 then
        self:on_closed(self:_explain(code), code, self:_reason(code))
    else
        self:on_closed()
    end
end

function Stream:_reason() end

-- Channels -----------------------------------------------------------------------------------------------------------

---The channel's type, such as "session".
---@return string?, string?, integer?
function Channel:type() return core.ssh_stream_type(self._handle) end

---As write(), on the second flow.
---@param data string
---@return integer?, string?, integer?
function Channel:write_stderr(data) return core.ssh_write_stderr(self._handle, data) end

---@class sessile.Terminal
---@field term string? TERM's value; "xterm" without
---@field columns integer?
---@field rows integer?
---@field width integer? pixels
---@field height integer?
---@field modes string? encoded (RFC 4254, section 8)

---Ask for a terminal. This and the other requests are answered by on_reply, in order.
---@param terminal sessile.Terminal?
---@return true?, string?, integer?
function Channel:request_pty(terminal)
    local t = terminal or {}
    return base.done(core.ssh_request_pty(self._handle, t.term or "xterm", t.columns or 80, t.rows or 24, t.width or 0,
        t.height or 0, t.modes))
end

---Set an environment variable.
---@param name string
---@param value string
---@return true?, string?, integer?
function Channel:request_env(name, value) return base.done(core.ssh_request_env(self._handle, name, value)) end

---Start the user's shell.
---@return true?, string?, integer?
function Channel:request_shell() return base.done(core.ssh_request_shell(self._handle)) end

---Run a command.
---@param command string
---@return true?, string?, integer?
function Channel:request_exec(command) return base.done(core.ssh_request_exec(self._handle, command)) end

---Start a subsystem, such as "sftp".
---@param name string
---@return true?, string?, integer?
function Channel:request_subsystem(name) return base.done(core.ssh_request_subsystem(self._handle, name)) end

---Ask for the agent to be forwarded.
---@return true?, string?, integer?
function Channel:request_agent() return base.done(core.ssh_request_agent(self._handle)) end

---Ask for X11 forwarding.
---@param protocol string
---@param cookie string
---@param screen integer?
---@param single boolean?
---@return true?, string?, integer?
function Channel:request_x11(protocol, cookie, screen, single)
    return base.done(core.ssh_request_x11(self._handle, single or false, protocol, cookie, screen or 0))
end

---Tell the terminal's new size. There is no answer.
---@param columns integer
---@param rows integer
---@param width integer?
---@param height integer?
---@return true?, string?, integer?
function Channel:window_change(columns, rows, width, height)
    return base.done(core.ssh_window_change(self._handle, columns, rows, width or 0, height or 0))
end

---Send a signal, named without SIG. There is no answer.
---@param name string
---@return true?, string?, integer?
function Channel:send_signal(name) return base.done(core.ssh_send_signal(self._handle, name)) end

---Send a break (RFC 4335).
---@param milliseconds integer
---@return true?, string?, integer?
function Channel:send_break(milliseconds) return base.done(core.ssh_send_break(self._handle, milliseconds)) end

---Tell that nothing more will be read (eow@openssh.com).
---@return true?, string?, integer?
function Channel:send_end_of_write() return base.done(core.ssh_send_end_of_write(self._handle)) end

---Server: how the command ended. When the stream is ended too, the channel is closed.
---@param status integer
---@return true?, string?, integer?
function Channel:send_exit_status(status) return base.done(core.ssh_send_exit_status(self._handle, status)) end

---Server: which signal ended the command, named without SIG.
---@param name string
---@param core_dumped boolean?
---@param message string?
---@return true?, string?, integer?
function Channel:send_exit_signal(name, core_dumped, message)
    return base.done(core.ssh_send_exit_signal(self._handle, name, core_dumped or false, message or ""))
end

---Server: whether the client may do flow control with ^S and ^Q.
---@param client_can_do boolean
---@return true?, string?, integer?
function Channel:send_xon_xoff(client_can_do)
    return base.done(core.ssh_send_xon_xoff(self._handle, client_can_do))
end

---The last signal that arrived, without SIG.
---@return string?, string?, integer?
function Channel:signal() return core.ssh_signal(self._handle) end

---The length of the last break that arrived, in milliseconds.
---@return integer?, string?, integer?
function Channel:break_length() return core.ssh_break_length(self._handle) end

---Whether flow control with ^S and ^Q may be done here.
---@return boolean?, string?, integer?
function Channel:xon_xoff() return base.truth(core.ssh_xon_xoff(self._handle)) end

---The terminal's columns, rows, width and height; 0 while unknown.
---@return integer?, integer?, integer?, integer?
function Channel:terminal()
    local handle, dimension = self._handle, constants.dimension
    return (core.ssh_terminal(handle, dimension.columns)), (core.ssh_terminal(handle, dimension.rows)),
        (core.ssh_terminal(handle, dimension.width)), (core.ssh_terminal(handle, dimension.height))
end

local function note_exit(self, event)
    local handle = self._handle
    if event == "exit_status" then
        self.exit_status = core.ssh_exit_status(handle)
    elseif event == "exit_signal" then
        self.exit_signal = core.ssh_exit_signal(handle)
        self.exit_message = core.ssh_exit_message(handle)
        self.exit_core_dumped = core.ssh_exit_core_dumped(handle) == 1
    end
end

function Channel:_request(number)
    local event = EVENT[number]
    note_exit(self, event)
    if event == "opened" then
        if self.on_open then self:on_open() end
    elseif event == "accepted" or event == "refused" then
        if self.on_reply then self:on_reply(event == "accepted") end
    elseif self.on_event then
        self:on_event(event)
    end
end

function Channel:_reason(code)
    return code == core.ERR_REFUSED and core.ssh_open_reason(self._handle) or nil
end

function Channel:_explain(code)
    local reason = self:_reason(code)
    if reason and reason ~= 0 then
        return ("the peer did not open the channel: %d: %s"):format(reason, core.ssh_open_text(self._handle))
    end
    return Stream._explain(self, code)
end

return {Stream = Stream, Channel = Channel}
