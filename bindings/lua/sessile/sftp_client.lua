-- SPDX-License-Identifier: Apache-2.0
--
-- An SFTP client for coroutines: every method waits for the server's answer, in the calling coroutine alone. Any number
-- may be under way at once. The names are those of sessile.asyncio in Python.
--
-- What the server refuses returns nil, its words, ERR_REFUSED and the status, such as "no_such_file".

local attrs = require "sessile.sftp_attrs"
local core = require "sessile.core"
local requests = require "sessile.sftp_request"
local sftp = require "sessile.sftp"

local Request = requests.SFTPRequest

---Files of a server. ssh:sftp() of a driver's SSH client makes them. Paths are bytes, relative to where the server
---begins. What a server calls its files is its own word: escape it before it reaches a terminal.
---@class sessile.SFTPClient
---@field connection sessile.SSHClient
---@field wire sessile.Wire
---@field sftp sessile.SFTP
---@field timeout number? seconds that an operation may take; nil for ever
local Client = {}
Client.__index = Client

-- Life ---------------------------------------------------------------------------------------------------------------

-- It is over, before or after it was ready.
local function fail(self, message, code)
    if not self.code then
        self.message, self.code = message, code
    end
    self.wire:wake()
end

-- The conversation takes over in the callback: what comes right behind the answer is its own.
local function ask_for(self, channel, options)
    function channel.on_open()
        if options.command then
            channel:request_exec(options.command)
        else
            channel:request_subsystem(options.subsystem or "sftp")
        end
    end
    function channel.on_reply(_, accepted)
        local attached, text, code = accepted, nil, nil
        if accepted then
            attached, text, code = self.sftp:attach(channel)
        end
        if not attached then
            fail(self, text or "the server does not start SFTP", code or core.ERR_REFUSED)
            channel:abort()
        end
    end
    function channel.on_closed(_, message, code) fail(self, message or "closed", code or core.ERR_CLOSED) end
end

local function converse(self)
    return sftp.SFTP:new("client", {
        on_ready = function()
            self.ready = true
            self.wire:wake()
        end,
        on_resume = function()
            self.turn = self.turn + 1
            self.wire:wake()
        end,
        on_closed = function(_, message, code)
            fail(self, message or "the SFTP conversation has ended", code or core.ERR_CLOSED)
        end,
    })
end

---@class sessile.SFTPOptions
---@field subsystem string? what the server calls it; "sftp"
---@field command string? a command that speaks the protocol, in place of the subsystem
---@field timeout number? seconds until it is ready

---Start it, and wait until it is ready.
---@param connection sessile.SSHClient
---@param options sessile.SFTPOptions?
---@return sessile.SFTPClient?, string?, integer?
local function open(connection, options)
    options = options or {}
    local wire = connection.wire
    local self = setmetatable({connection = connection, wire = wire, timeout = connection.timeout}, Client)
    -- How often there was room again; requests that are answered.
    self.turn, self.spare = 0, {}
    local deadline = wire:deadline(options.timeout or self.timeout)
    local made, text, code = converse(self)
    if not made then
        return nil, text, code
    end
    self.sftp = made
    local channel
    channel, text, code = connection.ssh:open_session()
    if not channel then
        return nil, text, code
    end
    ask_for(self, channel, options)
    local well, problem = wire:wait(function() return self.ready or self.code end, deadline)
    if well and not self.code then
        return self
    end
    self:abort()
    if not channel.over then
        channel:abort()
    end
    return nil, problem or self.message, well and self.code or nil
end

---Seconds that each operation may take from now on; nil: for ever. What takes longer returns nil, "timeout".
---@param seconds number?
function Client:settimeout(seconds) self.timeout = seconds end

---End it, and wait until it has: what is under way is over.
---@param timeout number?
---@return true?, string?, integer?
function Client:close(timeout)
    local wire = self.wire
    self.sftp:finish()
    return wire:wait(function() return self.code end, wire:deadline(timeout or wire.shutdown_timeout))
end

---Be done with it at once.
function Client:abort()
    fail(self, core.error_describe(core.ERR_ABORTED), core.ERR_ABORTED)
    self.sftp:finish()
end

-- Lua 5.4: local files <close> = ...
Client.__close = Client.abort

-- Requests -----------------------------------------------------------------------------------------------------------

local function new_request(self)
    if self.code then
        return nil, self.message, self.code
    end
    local request = table.remove(self.spare)
    if request then
        return request
    end
    return Request:new(self.sftp)
end

-- Submit, and wait for room as long as there is none.
local function submit(self, deadline, request, method, ...)
    while true do
        local turn = self.turn
        local well, text, code = request[method](request, ...)
        if well then
            return true
        elseif code ~= core.ERR_LIMIT then
            return nil, self.message or text, self.code or code
        end
        well, text = self.wire:wait(function() return self.turn ~= turn or self.code end, deadline)
        if not well then
            return nil, text
        end
    end
end

---Submit a request, and return what take(request) makes of the answer; true without it.
---@param deadline number?
---@param take (fun(request: sessile.SFTPRequest): any)?
---@param method string of SFTPRequest
---@return any
function Client:_ask(deadline, take, method, ...)
    local request, text, code, status = new_request(self)
    if not request then
        return nil, text, code
    end
    local answered, found
    function request.on_reply()
        found, text, code, status = request:result()
        if found and take then
            found, text, code = take(request)
        end
        answered = true
        self.wire:wake()
    end
    local well, problem, its = submit(self, deadline, request, method, ...)
    if well then
        well, problem = self.wire:wait(function() return answered end, deadline)
    end
    if not well then
        request:free()
        return nil, problem, its
    end
    request.on_reply = nil
    self.spare[#self.spare + 1] = request
    return found, text, code, status
end

-- The same, within the time of an operation.
local function ask(self, take, method, ...)
    return self:_ask(self.wire:deadline(self.timeout), take, method, ...)
end

---Close what only a reader has, whatever has happened: nothing is lost.
function Client:_let_go(handle)
    local request = not self.code and Request:new(self.sftp)
    if request then
        request:close(handle)
    end
end

---Whether the server offers an extension.
---@param operation sessile.SFTPOperation
---@return boolean?, string?, integer?
function Client:supports(operation) return self.sftp:supports(operation) end

---The extensions that the server named, and what is behind each.
---@return table<string, string>?, string?, integer?
function Client:extensions() return self.sftp:extensions() end

-- What is there ------------------------------------------------------------------------------------------------------

---Attributes of what a path leads to.
---@param path string
---@return sessile.SFTPAttrs?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:stat(path) return ask(self, Request.attrs, "stat", path) end

---The same, of a link itself.
---@param path string
---@return sessile.SFTPAttrs?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:lstat(path) return ask(self, Request.attrs, "lstat", path) end

---Whether there is something.
---@param path string
---@return boolean?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:exists(path)
    local found, text, code, status = self:stat(path)
    if status == "no_such_file" then
        return false
    elseif not found then
        return nil, text, code, status
    end
    return true
end

local function join(folder, name) return folder:sub(-1) == "/" and folder .. name or folder .. "/" .. name end

local function add_entries(list, path, names)
    for _, entry in ipairs(names) do
        if entry.name ~= "." and entry.name ~= ".." then
            entry.path = join(path, entry.name)
            list[#list + 1] = entry
        end
    end
end

---@class sessile.SFTPEntry : sessile.SFTPName
---@field path string

---The entries of a directory, without "." and "..": each with its name, path, type, size and so on.
---@param path string? where the server begins, without
---@return sessile.SFTPEntry[]?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:list(path)
    path = path or "."
    local deadline, found = self.wire:deadline(self.timeout), {}
    local handle, text, code, status = self:_ask(deadline, Request.handle, "opendir", path)
    if not handle then
        return nil, text, code, status
    end
    local names
    repeat
        names, text, code, status = self:_ask(deadline, Request.names, "readdir", handle)
        add_entries(found, path, names or {})
    until not names
    self:_let_go(handle)
    if status == "eof" then
        return found
    end
    return nil, text, code, status
end

---About the file system that a path is on, as statvfs(3).
---@param path string?
---@return table<sessile.SFTPNumber, integer|string>?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:statvfs(path) return ask(self, Request.numbers, "statvfs", path or ".") end

---The path from the root on, links followed.
---@param path string?
---@return string?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:realpath(path) return ask(self, Request.name, "realpath", path or ".") end

---The same where "~" is understood, if the server can ("expand_path").
---@param path string
---@return string?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:expand(path) return ask(self, Request.name, "expand_path", path) end

---Where a user is at home, if the server can ("home_directory"); without one, where the conversation began.
---@param user string?
---@return string?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:home(user)
    if not user then
        return self:realpath(".")
    end
    return ask(self, Request.name, "home_directory", user)
end

---Where a link leads.
---@param path string
---@return string?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:readlink(path) return ask(self, Request.name, "readlink", path) end

---The names of users and groups by their numbers, two lists; "" for unknown ones ("users_groups").
---@param users integer[]
---@param groups integer[]
---@return string[]?, string[]|string|nil, integer?, (sessile.SFTPStatus|integer)?
function Client:names_of(users, groups)
    local found, text, code, status = ask(self, Request.names, "users_groups", users, groups)
    if not found then
        return nil, text, code, status
    end
    local of_users, of_groups = {}, {}
    for index, entry in ipairs(found) do
        local list = index <= #users and of_users or of_groups
        list[#list + 1] = entry.name
    end
    return of_users, of_groups
end

-- Changes ------------------------------------------------------------------------------------------------------------

---Set attributes.
---@param path string
---@param values sessile.SFTPAttrs
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:setstat(path, values) return ask(self, nil, "setstat", path, values) end

---The same, of a link itself ("lsetstat").
---@param path string
---@param values sessile.SFTPAttrs
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:lsetstat(path, values) return ask(self, nil, "lsetstat", path, values) end

---Set permissions.
---@param path string
---@param mode integer
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:chmod(path, mode) return self:setstat(path, {permissions = attrs.mode(mode)}) end

---Set owner and group.
---@param path string
---@param uid integer
---@param gid integer
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:chown(path, uid, gid) return self:setstat(path, {uid = uid, gid = gid}) end

---Set the times, in seconds since 1970.
---@param path string
---@param atime number
---@param mtime number
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:utime(path, atime, mtime) return self:setstat(path, {atime = atime, mtime = mtime}) end

---Set a file's size.
---@param path string
---@param size integer|string
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:truncate(path, size) return self:setstat(path, {size = size}) end

---Remove a file.
---@param path string
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:remove(path) return ask(self, nil, "remove", path) end

---Make a directory.
---@param path string
---@param mode integer?
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:mkdir(path, mode) return ask(self, nil, "mkdir", path, mode and {permissions = mode}) end

---Remove an empty directory.
---@param path string
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:rmdir(path) return ask(self, nil, "rmdir", path) end

---Rename; what is at the new path stays, and this fails.
---@param old string
---@param new string
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:rename(old, new) return ask(self, nil, "rename", old, new) end

---Rename, in the place of what is at the new path ("posix_rename").
---@param old string
---@param new string
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:replace(old, new) return ask(self, nil, "posix_rename", old, new) end

---Make a path a link to a target. They are sent as OpenSSH's server takes them.
---@param target string
---@param path string
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:symlink(target, path) return ask(self, nil, "symlink", target, path) end

---Give a file another name ("hardlink").
---@param old string
---@param new string
---@return true?, string?, integer?, (sessile.SFTPStatus|integer)?
function Client:link(old, new) return ask(self, nil, "hardlink", old, new) end

return {open = open, SFTPClient = Client}
