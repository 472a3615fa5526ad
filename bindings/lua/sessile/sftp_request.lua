-- SPDX-License-Identifier: Apache-2.0
--
-- A client's requests of SFTP: each is submitted, answered by on_reply, and can then be submitted again. Any number may
-- be under way at once.

local attrs = require "sessile.sftp_attrs"
local base = require "sessile.base"
local constants = require "sessile.constants"
local core = require "sessile.core"
local sftp = require "sessile.sftp"

---A request. on_reply is called for each answer, and what the answer brought is to be read while it runs. Paths are
---bytes without a NUL, 4,096 at most; handles are what open and opendir brought. Submitting returns ERR_LIMIT where too
---much is under way, and the end's on_resume says when that is over.
---@class sessile.SFTPRequest : sessile.Owner
---@field on_reply (fun(self: sessile.SFTPRequest))?
local Request = base.class("sessile.SFTPRequest")

---A request of that end's.
---@param self table the class
---@param owner sessile.SFTP a client's
---@param on_reply (fun(self: sessile.SFTPRequest))?
---@return sessile.SFTPRequest?, string?, integer?
function Request:new(owner, on_reply)
    local handle = base.expect(owner, sftp.SFTP)
    local request = setmetatable({on_reply = on_reply, _sftp = owner}, self)
    request._slot = core.slot(request)
    local made, text, code = core.sftp_request_new(handle, true, request._slot)
    if not made then
        return base.failure(code or (owner.role == "client" and core.ERR_MEMORY or core.ERR_MISUSE), text)
    end
    request._handle = made
    return request
end

-- Until it is answered, somebody has to hold it. The answer may come before the call returns.
local function submit(self, call, ...)
    local busy = self._sftp._busy
    local held = busy[self]
    busy[self] = true
    local submitted, text, code = call(self._handle, ...)
    if not submitted then
        busy[self] = held
    end
    return base.done(submitted, text, code)
end

-- The same with attributes as the last argument: nil is none.
local function submit_with(self, call, subject, values)
    local handle, text, code = attrs.handle(values)
    if text then
        return nil, text, code
    end
    return submit(self, call, subject, handle)
end

function Request:_reply()
    self._sftp._busy[self] = nil
    if self.on_reply then
        self:on_reply()
    end
end

---Forget it, and what is under way: a file that it opens is closed, and no callback follows.
function Request:free()
    self._sftp._busy[self] = nil
    core.free(self._handle)
end
Request.__close = Request.free

-- Submitting ---------------------------------------------------------------------------------------------------------

---Open a file: brings a handle.
---@param path string
---@param flags sessile.SFTPFlag[]
---@param values sessile.SFTPAttrs? of a file that is made
---@return true?, string?, integer?
function Request:open(path, flags, values)
    local handle, text, code = attrs.handle(values)
    if text then
        return nil, text, code
    end
    return submit(self, core.sftp_open, path, attrs.flags(flags), handle)
end

---Close a file or a directory.
---@param handle string
---@return true?, string?, integer?
function Request:close(handle) return submit(self, core.sftp_close, handle) end

---Read, at most as many bytes as the limit "read": brings at least one, or the status "eof".
---@param handle string
---@param offset integer|string
---@param length integer
---@return true?, string?, integer?
function Request:read(handle, offset, length) return submit(self, core.sftp_read, handle, offset, length) end

---Write, at most as many bytes as the limit "write".
---@param handle string
---@param offset integer|string
---@param data string
---@return true?, string?, integer?
function Request:write(handle, offset, data) return submit(self, core.sftp_write, handle, offset, data) end

---Attributes of what a path leads to.
---@param path string
---@return true?, string?, integer?
function Request:stat(path) return submit(self, core.sftp_stat, path) end

---The same, of a link itself.
---@param path string
---@return true?, string?, integer?
function Request:lstat(path) return submit(self, core.sftp_lstat, path) end

---The same, of an open file.
---@param handle string
---@return true?, string?, integer?
function Request:fstat(handle) return submit(self, core.sftp_fstat, handle) end

---Set attributes.
---@param path string
---@param values sessile.SFTPAttrs
---@return true?, string?, integer?
function Request:setstat(path, values) return submit_with(self, core.sftp_setstat, path, values) end

---The same, of a link itself.
---@param path string
---@param values sessile.SFTPAttrs
---@return true?, string?, integer?
function Request:lsetstat(path, values) return submit_with(self, core.sftp_lsetstat, path, values) end

---The same, of an open file.
---@param handle string
---@param values sessile.SFTPAttrs
---@return true?, string?, integer?
function Request:fsetstat(handle, values) return submit_with(self, core.sftp_fsetstat, handle, values) end

---Open a directory: brings a handle.
---@param path string
---@return true?, string?, integer?
function Request:opendir(path) return submit(self, core.sftp_opendir, path) end

---Some of its names, "." and ".." among them; the status "eof" after the last.
---@param handle string
---@return true?, string?, integer?
function Request:readdir(handle) return submit(self, core.sftp_readdir, handle) end

---Remove a file.
---@param path string
---@return true?, string?, integer?
function Request:remove(path) return submit(self, core.sftp_remove, path) end

---Make a directory.
---@param path string
---@param values sessile.SFTPAttrs?
---@return true?, string?, integer?
function Request:mkdir(path, values) return submit_with(self, core.sftp_mkdir, path, values) end

---Remove an empty directory.
---@param path string
---@return true?, string?, integer?
function Request:rmdir(path) return submit(self, core.sftp_rmdir, path) end

---The path from the root on: brings a name.
---@param path string
---@return true?, string?, integer?
function Request:realpath(path) return submit(self, core.sftp_realpath, path) end

---Rename; what is at the new path stays, and the request fails.
---@param old string
---@param new string
---@return true?, string?, integer?
function Request:rename(old, new) return submit(self, core.sftp_rename, old, new) end

---Rename, in the place of what is at the new path.
---@param old string
---@param new string
---@return true?, string?, integer?
function Request:posix_rename(old, new) return submit(self, core.sftp_posix_rename, old, new) end

---What a link says: brings a name.
---@param path string
---@return true?, string?, integer?
function Request:readlink(path) return submit(self, core.sftp_readlink, path) end

---Make a path a link to a target.
---@param target string
---@param path string
---@return true?, string?, integer?
function Request:symlink(target, path) return submit(self, core.sftp_symlink, target, path) end

---Give a file another name.
---@param old string
---@param new string
---@return true?, string?, integer?
function Request:hardlink(old, new) return submit(self, core.sftp_hardlink, old, new) end

---Have a file's bytes reach its medium.
---@param handle string
---@return true?, string?, integer?
function Request:fsync(handle) return submit(self, core.sftp_fsync, handle) end

---About the file system: brings numbers.
---@param path string
---@return true?, string?, integer?
function Request:statvfs(path) return submit(self, core.sftp_statvfs, path) end

---The same, by an open file.
---@param handle string
---@return true?, string?, integer?
function Request:fstatvfs(handle) return submit(self, core.sftp_fstatvfs, handle) end

---As realpath, where "~" is understood.
---@param path string
---@return true?, string?, integer?
function Request:expand_path(path) return submit(self, core.sftp_expand_path, path) end

---Where a user is at home: brings a name.
---@param user string
---@return true?, string?, integer?
function Request:home_directory(user) return submit(self, core.sftp_home_directory, user) end

---Copy between open files, or in one. length: 0 is all to the end.
---@param handle string
---@param offset integer|string
---@param length integer|string
---@param to string the other file's handle
---@param to_offset integer|string
---@return true?, string?, integer?
function Request:copy_data(handle, offset, length, to, to_offset)
    return submit(self, core.sftp_copy_data, handle, offset, length, to, to_offset)
end

local function four_bytes(number)
    local bytes = {}
    for place = 4, 1, -1 do
        bytes[place] = string.char(number % 256)
        number = math.floor(number / 256)
    end
    return table.concat(bytes)
end

---The names of users and groups by their numbers: brings one for each, in that order; "" for an unknown one.
---@param users integer[]
---@param groups integer[]
---@return true?, string?, integer?
function Request:users_groups(users, groups)
    local ids = {}
    for _, list in ipairs {users, groups} do
        for _, number in ipairs(list) do
            ids[#ids + 1] = four_bytes(number)
        end
    end
    return submit(self, core.sftp_users_groups, table.concat(ids), #users)
end

---An extension that is not known here. Brings data, or a status.
---@param name string
---@param data string
---@return true?, string?, integer?
function Request:extended(name, data) return submit(self, core.sftp_extended, name, data) end

-- The answer ---------------------------------------------------------------------------------------------------------

---true; or nil, what the server said, ERR_REFUSED and the status, "eof" included; or nil, a text and a code where there
---is no answer.
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Request:result()
    local result, text, code = core.sftp_request_result(self._handle)
    if not result then
        return nil, text, code
    elseif result >= 0 then
        return true
    elseif result == core.ERR_REFUSED then
        local status = core.sftp_request_status(self._handle)
        local words = core.sftp_request_text(self._handle)
        return nil, words ~= "" and words or core.sftp_status_text(status), result, attrs.status(status)
    end
    return nil, self._sftp:_explain(result), result
end

---What was asked for last; nil before the first.
---@return sessile.SFTPOperation?
function Request:operation()
    return constants.sftp_operation[core.sftp_request_operation(self._handle)]
end

---The handle that the answer brought.
---@return string?, string?, integer?
function Request:handle() return core.sftp_request_handle(self._handle) end

---The data.
---@return string?, string?, integer?
function Request:data() return core.sftp_request_data(self._handle) end

---@class sessile.SFTPName : sessile.SFTPAttrs
---@field name string
---@field longname string a line as of ls -l, in the server's words

---The names, each with its attributes.
---@return sessile.SFTPName[]?, string?, integer?
function Request:names()
    local handle, found = self._handle, {}
    local count, text, code = core.sftp_request_name_count(handle)
    if not count then
        return nil, text, code
    end
    for index = 0, count - 1 do
        local entry = {
            name = core.sftp_request_name(handle, index), longname = core.sftp_request_longname(handle, index),
        }
        entry, text, code = attrs.read(function(into) return core.sftp_request_attrs(handle, index, into) end, entry)
        if not entry then
            return nil, text, code
        end
        found[index + 1] = entry
    end
    return found
end

---The first of them.
---@return string?, string?, integer?
function Request:name() return core.sftp_request_name(self._handle, 0) end

---The attributes.
---@return sessile.SFTPAttrs?, string?, integer?
function Request:attrs()
    return attrs.read(function(into) return core.sftp_request_attrs(self._handle, 0, into) end)
end

---What statvfs brought, as in statvfs(3).
---@return table<sessile.SFTPNumber, integer|string>?, string?, integer?
function Request:numbers()
    local found = {}
    for number, name in pairs(constants.sftp_number) do
        if type(number) == "number" then
            local value, text, code = core.sftp_request_vfs(self._handle, number)
            if not value then
                return nil, text, code
            end
            found[name] = value
        end
    end
    return found
end

return {SFTPRequest = Request}
