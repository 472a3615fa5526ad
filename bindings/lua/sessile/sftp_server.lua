-- SPDX-License-Identifier: Apache-2.0
--
-- Serving SFTP: what a client asks for is a job, answered at once or later.

local attrs = require "sessile.sftp_attrs"
local base = require "sessile.base"
local constants = require "sessile.constants"
local core = require "sessile.core"

---A request of a client's. One that is neither answered nor kept when on_job returns is answered with "failure". Open
---files are numbers of the application's, given with the answer to "open" or "opendir"; what the client has of them
---cannot be forged. Answers return ERR_GONE where the job was answered or withdrawn, and ERR_MISUSE where they are none
---to it.
---@class sessile.SFTPJob : sessile.Owner
---@field sftp sessile.SFTP the end that it came to
---@field operation sessile.SFTPOperation what is to be done
local Job = base.class("sessile.SFTPJob")

---@param sftp sessile.SFTP
---@param handle userdata
---@return sessile.SFTPJob
function Job.of(sftp, handle)
    local job = base.made(Job, handle)
    job.sftp, job.operation = sftp, constants.sftp_operation[core.sftp_job_operation(handle)]
    return job
end

---Hold on to the job beyond on_job.
---@return sessile.SFTPJob?, string?, integer?
function Job:keep() return base.chain(self, core.keep(self._handle)) end

-- What is asked ------------------------------------------------------------------------------------------------------

---A path: the client's bytes, without a NUL. index 2: where to, of what has two; of "symlink" the link, whose target is
---1. The user of "home_directory", the name of "extended".
---@param index integer? 1
---@return string?, string?, integer?
function Job:path(index) return core.sftp_job_path(self._handle, (index or 1) - 1) end

---The number of the open file; index 2: where to, of "copy_data".
---@param index integer? 1
---@return integer?, string?, integer?
function Job:file(index) return core.sftp_job_file(self._handle, (index or 1) - 1) end

---Where to read or write; index 2: where to, of "copy_data".
---@param index integer? 1
---@return (integer|string)?, string?, integer?
function Job:offset(index) return core.sftp_job_offset(self._handle, (index or 1) - 1) end

---How much to read; of "copy_data", 0 is all.
---@return (integer|string)?, string?, integer?
function Job:length() return core.sftp_job_length(self._handle) end

---How to open: true under the name of each flag that is set.
---@return table<sessile.SFTPFlag, true>?, string?, integer?
function Job:flags()
    local flags, text, code = core.sftp_job_flags(self._handle)
    if not flags then
        return nil, text, code
    end
    return attrs.flag_names(flags)
end

---What to write; what followed the name of "extended".
---@return string?, string?, integer?
function Job:data() return core.sftp_job_data(self._handle) end

---Attributes of what is to be made, or to be set.
---@return sessile.SFTPAttrs?, string?, integer?
function Job:attrs()
    return attrs.read(function(into) return core.sftp_job_attrs(self._handle, into) end)
end

---Which users, or groups, "users_groups" asks about.
---@param groups boolean
---@return integer[]?, string?, integer?
function Job:ids(groups)
    local count, text, code = core.sftp_job_id_count(self._handle, groups)
    if not count then
        return nil, text, code
    end
    local found = {}
    for index = 0, count - 1 do
        found[index + 1] = core.sftp_job_id(self._handle, groups, index)
    end
    return found
end

-- Answers ------------------------------------------------------------------------------------------------------------

---Any job, but "ok" is no answer to what brings something.
---@param status sessile.SFTPStatus
---@param words string? for the client, 256 bytes at most
---@return true?, string?, integer?
function Job:answer_status(status, words)
    local number = constants.number(constants.sftp_status, status, "status")
    return base.done(core.sftp_answer_status(self._handle, number, words))
end

---"open", "opendir": the number that stands for the file. ERR_LIMIT where too many are open: the client was told, and
---the number is not given.
---@param file integer
---@return true?, string?, integer?
function Job:answer_handle(file) return base.done(core.sftp_answer_handle(self._handle, file)) end

---"read": 1 byte to what was asked for; none is the end of the file. "extended": up to 32 KiB.
---@param data string
---@return true?, string?, integer?
function Job:answer_data(data) return base.done(core.sftp_answer_data(self._handle, data)) end

---What brings names: add one. ERR_LIMIT where the answer is full: it goes into the next.
---@param name string
---@param longname string? a line as of ls -l
---@param values sessile.SFTPAttrs?
---@return true?, string?, integer?
function Job:add_name(name, longname, values)
    local handle, text, code = attrs.handle(values)
    if text then
        return nil, text, code
    end
    return base.done(core.sftp_answer_add_name(self._handle, name, longname, handle))
end

---Answer with the names that were added; none, for "readdir", is the end.
---@return true?, string?, integer?
function Job:answer_names() return base.done(core.sftp_answer_names(self._handle)) end

---Answer with one name.
---@param name string
---@return true?, string?, integer?
function Job:answer_name(name)
    local added, text, code = self:add_name(name)
    if not added then
        return nil, text, code
    end
    return self:answer_names()
end

---"stat", "lstat", "fstat".
---@param values sessile.SFTPAttrs
---@return true?, string?, integer?
function Job:answer_attrs(values)
    local handle, text, code = attrs.handle(values)
    if not handle then
        return nil, text, code
    end
    return base.done(core.sftp_answer_attrs(self._handle, handle))
end

---"statvfs", "fstatvfs".
---@param numbers table<sessile.SFTPNumber, integer|string>
---@return true?, string?, integer?
function Job:answer_numbers(numbers)
    for name, value in pairs(numbers) do
        local number = constants.number(constants.sftp_number, name, "number")
        local set, text, code = core.sftp_answer_set_vfs(self._handle, number, value)
        if not set then
            return nil, text, code
        end
    end
    return base.done(core.sftp_answer_vfs(self._handle))
end

return {SFTPJob = Job}
