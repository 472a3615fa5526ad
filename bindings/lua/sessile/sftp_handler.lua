-- SPDX-License-Identifier: Apache-2.0
--
-- An SFTP server for coroutines: its files are made up by the functions of a table. Each call is a task of its own, may
-- wait, and many run at once.
--
-- The table's functions are called as methods, and are named as the operations are. Paths are the client's bytes, as it
-- sent them. What one returns is the answer, and something true where there is nothing to tell; nil and a status' name,
-- behind which may stand words for the client, is a no. So is nil with whatever else, of which the client is told
-- nothing but what the third value says if it is a number of errno's (io's and os's functions return it). A function
-- that is not there is "unsupported"; one that raises is a failure, and reported. No extension is offered that has no
-- function.
--
--   open(path, flags, attrs) -> file    read(file, offset, size) -> data; "" or nil alone at the end
--   write(file, offset, data)           close(file): once each, also where the client has gone without it
--   list(path) -> entries: a list of tables with a name and attributes, all of them
--   stat(path), lstat(path), fstat(file) -> attrs      setstat(path, attrs), lsetstat, fsetstat(file, attrs)
--   remove(path), mkdir(path, attrs), rmdir(path)      realpath(path), readlink(path) -> path
--   rename(old, new), posix_rename(old, new)           symlink(target, path), hardlink(old, new)
--   fsync(file), statvfs(path), fstatvfs(file) -> numbers            expand_path(path), home_directory(user) -> path
--   copy_data(file, offset, size, to, to_offset)       users_groups(users, groups) -> names, names
--
-- Without lstat, stat is called; without realpath, paths are made normal as text. Offsets are numbers to be counted
-- with: what is beyond 2^53 is refused before.
--
-- Calls begin in the order the client made them. Writes to a file are answered in that order, too, whichever ends
-- first: OpenSSH's scp cuts off what was acknowledged out of turn.

local attrs = require "sessile.sftp_attrs"
local constants = require "sessile.constants"
local core = require "sessile.core"
local sftp = require "sessile.sftp"

-- The numbers of POSIX that have a status of their own.
local ERRNO = {[1] = "permission_denied", [2] = "no_such_file", [13] = "permission_denied"}
-- Words that there is room for, in bytes.
local WORDS = 256
-- Up to where every Lua counts exactly.
local FARTHEST = 2 ^ 53

local Served = {}
Served.__index = Served

-- What is asked of whom ----------------------------------------------------------------------------------------------

local function by_path(job) return job:path() end
local function by_two_paths(job) return job:path(1), job:path(2) end
local function by_path_and_attrs(job) return job:path(), job:attrs() end

-- A file's table entry stands for it in calls.
local function by_file(job, files) return files[job:file()].file end
local function by_file_and_attrs(job, files) return files[job:file()].file, job:attrs() end

local ARGUMENTS = {
    stat = by_path, lstat = by_path, remove = by_path, rmdir = by_path, realpath = by_path, readlink = by_path,
    statvfs = by_path, expand_path = by_path, home_directory = by_path, rename = by_two_paths,
    posix_rename = by_two_paths, symlink = by_two_paths, hardlink = by_two_paths, setstat = by_path_and_attrs,
    lsetstat = by_path_and_attrs, mkdir = by_path_and_attrs, fstat = by_file, fsync = by_file, fstatvfs = by_file,
    fsetstat = by_file_and_attrs,
    read = function(job, files) return files[job:file()].file, job:offset(), job:length() end,
    write = function(job, files) return files[job:file()].file, job:offset(), job:data() end,
    users_groups = function(job) return job:ids(false), job:ids(true) end,
    copy_data = function(job, files)
        return files[job:file()].file, job:offset(), job:length(), files[job:file(2)].file, job:offset(2)
    end,
}

-- Answers ------------------------------------------------------------------------------------------------------------

local function as_attrs(job, values) return job:answer_attrs(values) end
local function as_name(job, name) return job:answer_name(name) end
local function as_numbers(job, numbers) return job:answer_numbers(numbers) end

local ANSWERS = {
    stat = as_attrs, lstat = as_attrs, fstat = as_attrs, realpath = as_name, readlink = as_name, expand_path = as_name,
    home_directory = as_name, statvfs = as_numbers, fstatvfs = as_numbers,
    read = function(job, data) return job:answer_data(data) end,
    users_groups = function(job, users, groups)
        for _, list in ipairs {users, groups} do
            for _, name in ipairs(list) do
                job:add_name(name)
            end
        end
        return job:answer_names()
    end,
}

-- What is no answer is a failure: nobody waits for ever. Raises what was wrong with it, but that the client has gone.
local function check(job, answered, text, code)
    if not answered and code ~= core.ERR_GONE then
        job:answer_status "failure"
        error(("the answer to %q: %s"):format(job.operation, text), 0)
    end
end

local function refuse(job, status, words)
    if type(status) ~= "string" or not constants.sftp_status[status] or status == "ok" then
        status, words = ERRNO[words] or "failure", nil
    end
    words = type(words) == "string" and words:gsub("[^\1-\255]", ""):sub(1, WORDS) or nil
    check(job, job:answer_status(status, words))
end

local function answer(job, result, ...)
    if job.operation == "read" and result == nil and select("#", ...) == 0 then
        result = ""
    end
    if not result then
        return refuse(job, ...)
    end
    local put = ANSWERS[job.operation]
    if put then
        check(job, put(job, result, ...))
    else
        check(job, job:answer_status "ok")
    end
end

-- A line as of ls -l -------------------------------------------------------------------------------------------------

local LETTERS = {directory = "d", link = "l", fifo = "p", socket = "s", char = "c", block = "b"}
local BITS = {"r", "w", "x", "r", "w", "x", "r", "w", "x"}

local function mode_of(values)
    local letters, bits = {LETTERS[values.type] or "-"}, attrs.mode(values.permissions or 0)
    for index, letter in ipairs(BITS) do
        letters[index + 1] = math.floor(bits / 2 ^ (9 - index)) % 2 == 1 and letter or "-"
    end
    return table.concat(letters)
end

-- The day of a time, in the calendar whose years begin in March.
local function day_of(seconds)
    local days = math.floor(seconds / 86400) + 719468
    local era = math.floor(days / 146097)
    local of_era = days - era * 146097
    local year = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524)
        - math.floor(of_era / 146096)) / 365)
    local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
    local month = math.floor((5 * of_year + 2) / 153)
    local day = of_year - math.floor((153 * month + 2) / 5) + 1
    local january = month >= 10
    return ("%d-%02d-%02d"):format(year + era * 400 + (january and 1 or 0), month + (january and -9 or 3), day)
end

local function longname(entry)
    return ("%s 1 %-8s %-8s %8s %s %s"):format(mode_of(entry), tostring(entry.uid or 0), tostring(entry.gid or 0),
        tostring(entry.size or 0), day_of(entry.mtime or 0), entry.name)
end

-- Jobs ---------------------------------------------------------------------------------------------------------------

local work = {}

local function give_number(self, job, entry)
    self.given = self.given + 1
    self.files[self.given] = entry
    local answered, _, code = job:answer_handle(self.given)
    if not answered then
        -- Too many are open, or the client has gone.
        self.files[self.given] = nil
        self:close(entry)
        if code ~= core.ERR_LIMIT then
            check(job, answered, nil, code)
        end
    end
end

function work.open(self, job)
    local handler = self.handler
    local function opened(file, ...)
        if file then
            give_number(self, job, {file = file, asked = 0, answered = 0, done = {}})
        else
            refuse(job, ...)
        end
    end
    opened(handler:open(job:path(), job:flags(), job:attrs()))
end

-- A client takes what leads out of the directory for an attack, and ends the conversation.
local function check_names(entries)
    for _, entry in ipairs(entries) do
        local name = entry.name
        if type(name) ~= "string" or name == "" or name:find("/", 1, true) or name:find("\0", 1, true) then
            error(("list() returned the name %q"):format(tostring(name)), 0)
        end
    end
end

function work.opendir(self, job)
    local function listed(entries, ...)
        if entries then
            check_names(entries)
            give_number(self, job, {entries = entries, next = 1})
        else
            refuse(job, ...)
        end
    end
    listed(self.handler:list(job:path()))
end

-- As many as there is room for.
function work.readdir(self, job)
    local directory = self.files[job:file()]
    local entries, from = directory.entries, directory.next
    while entries[directory.next] do
        local entry = entries[directory.next]
        local added, text, code = job:add_name(entry.name, longname(entry), entry)
        if not added then
            if code == core.ERR_LIMIT and directory.next > from then
                break
            end
            directory.next = directory.next + 1
            return check(job, added, text, code)
        end
        directory.next = directory.next + 1
    end
    check(job, job:answer_names())
end

function work.close(self, job)
    local number = job:file()
    local entry = self.files[number]
    self.files[number] = nil
    answer(job, self:close(entry))
end

local function normal(path)
    local kept = {}
    for name in path:gmatch("[^/]+") do
        if name == ".." then
            kept[#kept] = nil
        elseif name ~= "." then
            kept[#kept + 1] = name
        end
    end
    return "/" .. table.concat(kept, "/")
end

-- A job and, where it writes, its turn among the writes to its file.
local function ticket_of(self, job)
    local ticket = {job = job, entry = job.operation == "write" and self.files[job:file()] or nil}
    if ticket.entry then
        ticket.entry.asked = ticket.entry.asked + 1
        ticket.turn = ticket.entry.asked
    end
    return ticket
end

local function wait_for_turn(self, ticket)
    local entry, turn = ticket.entry, ticket.turn
    if turn and entry.answered < turn - 1 then
        self.wire:wait(function() return entry.answered >= turn - 1 or self.over end)
    end
end

-- One that fails may be done before its turn.
local function turn_is_over(self, ticket)
    local entry, turn = ticket.entry, ticket.turn
    if turn then
        entry.done[turn] = true
        while entry.done[entry.answered + 1] do
            entry.answered = entry.answered + 1
            entry.done[entry.answered] = nil
        end
        self.wire:wake()
    end
end

-- The function for an operation.
local function method_of(handler, operation)
    if operation == "opendir" or operation == "readdir" then
        return handler.list
    elseif operation == "lstat" then
        return handler.lstat or handler.stat
    elseif operation == "realpath" then
        return handler.realpath or function(_, path) return normal(path) end
    elseif operation == "close" then
        return handler.close or function() return true end
    end
    return handler[operation]
end

-- Offsets that are not asked about are 0.
local function is_too_far(job)
    for _, offset in ipairs {job:offset(1), job:offset(2), job:length()} do
        if type(offset) ~= "number" or offset > FARTHEST then
            return true
        end
    end
end

local function perform(self, job, ticket)
    if self.over then
        return
    end
    local operation = job.operation
    local method = method_of(self.handler, operation)
    if not method then
        refuse(job, "unsupported")
    elseif is_too_far(job) then
        refuse(job, "failure", "an offset that is too far")
    elseif work[operation] then
        work[operation](self, job)
    else
        local function ready(...)
            wait_for_turn(self, ticket)
            answer(job, ...)
        end
        ready(method(self.handler, ARGUMENTS[operation](job, self.files)))
    end
end

---Close what the handler has opened; a directory is a list.
function Served:close(entry)
    if not entry or entry.entries or not self.handler.close then
        return true
    end
    return self.handler:close(entry.file)
end

-- Tasks begin in whatever order the driver likes; jobs do not.
function Served:take(job)
    if not job:keep() then
        return
    end
    self.waiting[#self.waiting + 1] = ticket_of(self, job)
    local ticket
    self.wire.loop.spawn(function()
        ticket = table.remove(self.waiting, 1)
        perform(self, ticket.job, ticket)
        turn_is_over(self, ticket)
    end, function(problem)
        ticket.job:answer_status "failure"
        turn_is_over(self, ticket)
        self.report(problem)
    end)
end

function Served:release(number)
    local entry = self.files[number]
    self.files[number] = nil
    if entry then
        self.wire.loop.spawn(function() self:close(entry) end, self.report)
    end
end

---Serve a client over a channel, at once: what it says first may come right behind. over(): when it has ended.
---@param wire sessile.Wire
---@param channel sessile.Channel
---@param handler table
---@param report fun(problem: any)
---@param over fun()
---@return true?, string?, integer?
local function serve(wire, channel, handler, report, over)
    local self = setmetatable({wire = wire, handler = handler, report = report}, Served)
    self.files, self.given, self.waiting = {}, 0, {}
    local server, text, code = sftp.SFTP:new("server", {
        on_job = function(_, job) self:take(job) end,
        on_release = function(_, number) self:release(number) end,
        on_closed = function()
            self.over = true
            wire:wake()
            over()
        end,
    })
    if not server then
        return nil, text, code
    end
    for number, operation in pairs(constants.sftp_operation) do
        if type(number) == "number" and number >= core.SFTP_POSIX_RENAME and handler[operation] then
            server:serve(operation)
        end
    end
    server:set_read_only(handler.read_only or false)
    return server:attach(channel)
end

return {serve = serve}
