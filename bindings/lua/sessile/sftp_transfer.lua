-- SPDX-License-Identifier: Apache-2.0
--
-- Whole files of SFTP, as fast as the wire allows: many reads or writes are under way at once. The file is opened and
-- closed by whoever uses this.

local attrs = require "sessile.sftp_attrs"
local base = require "sessile.base"
local core = require "sessile.core"
local sftp = require "sessile.sftp"

---One file on its way, and then another. Callbacks are fields, called as methods.
---@class sessile.SFTPTransfer : sessile.Owner
---@field on_sink (fun(self: sessile.SFTPTransfer, offset: integer, data: string): boolean?)? bytes of a get, in their
---order. Returning true: no more until resume()
---@field on_source (fun(self: sessile.SFTPTransfer, offset: integer, size: integer): string?)? what a put writes
---next, so many bytes at most; "" at the end, nil where there is nothing for now, until resume(). It may call skip,
---resume and stop, and nothing else of this end's
---@field on_progress (fun(self: sessile.SFTPTransfer))? position() has moved. It counts where it is there when a get or
---put begins
---@field on_done (fun(self: sessile.SFTPTransfer))? it is over: result() says how
local Transfer = base.class("sessile.SFTPTransfer")

---A transfer of that end's: the table that is given, with its callbacks and whatever else it has.
---@param self table the class
---@param owner sessile.SFTP a client's
---@param transfer table?
---@return sessile.SFTPTransfer?, string?, integer?
function Transfer:new(owner, transfer)
    local handle = base.expect(owner, sftp.SFTP)
    transfer = setmetatable(transfer or {}, self)
    transfer._sftp, transfer._slot = owner, core.slot(transfer)
    local made, text, code = core.sftp_transfer_new(handle, true, transfer._slot)
    if not made then
        return base.failure(code or (owner.role == "client" and core.ERR_MEMORY or core.ERR_MISUSE), text)
    end
    transfer._handle = made
    return transfer
end

---How many bytes may be under way at once: 32 KiB to 1 GiB, 16 MiB without.
---@param window integer
---@return true?, string?, integer?
function Transfer:set_window(window) return base.done(core.sftp_transfer_set_window(self._handle, window)) end

---The size that a file is expected to have: a get does not ask far beyond it.
---@param size integer|string
---@return true?, string?, integer?
function Transfer:set_expected(size) return base.done(core.sftp_transfer_set_expected(self._handle, size)) end

local function begin(self, callback, call, ...)
    if not self[callback] then
        error("a transfer needs " .. callback, 3)
    end
    core.sftp_transfer_set_progress(self._handle, self.on_progress ~= nil)
    local busy = self._sftp._busy
    local held = busy[self]
    busy[self] = true
    local begun, text, code = call(self._handle, ...)
    if not begun then
        busy[self] = held
    end
    return base.done(begun, text, code)
end

---Fetch an open file.
---@param handle string
---@param offset (integer|string)? where to begin
---@param length (integer|string)? all, without
---@return true?, string?, integer?
function Transfer:get(handle, offset, length)
    return begin(self, "on_sink", core.sftp_get, handle, offset or 0, length or math.huge, true)
end

---Write an open file.
---@param handle string
---@param offset (integer|string)? where to begin
---@return true?, string?, integer?
function Transfer:put(handle, offset) return begin(self, "on_source", core.sftp_put, handle, offset or 0, true) end

---The sink takes more, or the source has more.
---@return true?, string?, integer?
function Transfer:resume() return base.done(core.sftp_transfer_resume(self._handle)) end

---In on_source: a hole of so many bytes; what is then returned comes behind it.
---@param size integer|string
---@return true?, string?, integer?
function Transfer:skip(size) return base.done(core.sftp_transfer_skip(self._handle, size)) end

---End it at once; on_done is called.
---@return true?, string?, integer?
function Transfer:stop() return base.done(core.sftp_transfer_stop(self._handle)) end

---Forget it; no callback follows.
function Transfer:free()
    self._sftp._busy[self] = nil
    core.free(self._handle)
end
Transfer.__close = Transfer.free

---Up to where the file is done: what one that broke off goes on from.
---@return (integer|string)?, string?, integer?
function Transfer:position() return core.sftp_transfer_position(self._handle) end

---How it ended: true; or nil, a text and a code, behind which stands the status where the server refused.
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Transfer:result()
    local result, text, code = core.sftp_transfer_result(self._handle)
    if not result then
        return nil, text, code
    elseif result >= 0 then
        return true
    elseif result == core.ERR_REFUSED then
        local status = core.sftp_transfer_status(self._handle)
        local words = core.sftp_transfer_text(self._handle)
        return nil, words ~= "" and words or core.sftp_status_text(status), result, attrs.status(status)
    end
    return nil, self._sftp:_explain(result), result
end

function Transfer:_done()
    self._sftp._busy[self] = nil
    if self.on_done then
        self:on_done()
    end
end

function Transfer:_progress()
    if self.on_progress then
        self:on_progress()
    end
end

function Transfer:_sink(offset, data) return self:on_sink(offset, data) end

function Transfer:_source(offset, size) return self:on_source(offset, size) end

return {SFTPTransfer = Transfer}
