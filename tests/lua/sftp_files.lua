-- SPDX-License-Identifier: Apache-2.0
--
-- Files in memory, for SFTP servers of the tests: a table of functions as sftp_handler.lua wants it. A file's bytes are
-- a string, a directory is {}, a link {target = ...}. fs.open_files counts what is open.

local Files = {}
Files.__index = Files

-- What "../x" and "//x" are.
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

-- Where a link leads.
local function target_of(at, node)
    return node.target:sub(1, 1) == "/" and node.target or at:match("^(.*/)") .. node.target
end

function Files.new(nodes)
    local self = setmetatable({nodes = {["/"] = {}}, attrs = {}, open_files = 0, calls = {}}, Files)
    for path, node in pairs(nodes or {}) do
        self.nodes[path] = node
    end
    return self
end

function Files:_at(path)
    path = normal(path)
    return self.nodes[path], path
end

function Files:_facts(path)
    local node = self.nodes[path]
    if node == nil then
        return nil, "no_such_file"
    end
    local kind = type(node) == "string" and "file" or node.target and "link" or "directory"
    local found = {size = type(node) == "string" and #node or 0, permissions = kind == "directory" and 493 or 420,
        uid = 5, gid = 6, atime = 0, mtime = 86400 * 365}
    for name, value in pairs(self.attrs[path] or {}) do
        found[name] = value
    end
    found.permissions = found.permissions % 4096
    found.type = kind
    return found
end

function Files:lstat(path) return self:_facts(normal(path)) end

function Files:stat(path)
    local node, at = self:_at(path)
    if type(node) == "table" and node.target then
        return self:stat(target_of(at, node))
    end
    return self:_facts(at)
end

function Files:fstat(file) return self:_facts(file.path) end

function Files:setstat(path, attrs)
    local node, at = self:_at(path)
    if node == nil then
        return nil, "no_such_file"
    end
    self.attrs[at] = self.attrs[at] or {}
    for name, value in pairs(attrs) do
        self.attrs[at][name] = value
    end
    if attrs.size then
        self.attrs[at].size = nil
        self.nodes[at] = node:sub(1, attrs.size) .. ("\0"):rep(attrs.size - #node)
    end
    return true
end

function Files:fsetstat(file, attrs) return self:setstat(file.path, attrs) end

function Files:open(path, flags, attrs)
    local node, at = self:_at(path)
    if type(node) == "table" and node.target then
        return self:open(target_of(at, node), flags, attrs)
    elseif type(node) == "table" then
        return nil, "failure", "it is a directory"
    elseif node ~= nil and flags.exclusive then
        return nil, "failure", "it is there already"
    elseif node == nil and not flags.create then
        return nil, "no_such_file"
    elseif node == nil or flags.truncate then
        self.nodes[at] = ""
        self.attrs[at] = node == nil and attrs or self.attrs[at]
    end
    self.open_files = self.open_files + 1
    return {path = at, append = flags.append}
end

function Files:close(file)
    assert(not file.closed, "a file that is closed twice")
    file.closed = true
    self.open_files = self.open_files - 1
    return true
end

function Files:read(file, offset, size)
    return self.nodes[file.path]:sub(offset + 1, offset + size)
end

function Files:write(file, offset, data)
    local node = self.nodes[file.path]
    offset = file.append and #node or offset
    if offset == #node then
        self.nodes[file.path] = node .. data
    else
        self.nodes[file.path] = node:sub(1, offset) .. ("\0"):rep(offset - #node) .. data
            .. node:sub(offset + #data + 1)
    end
    return true
end

function Files:list(path)
    local node, at = self:_at(path)
    if type(node) ~= "table" then
        return nil, "no_such_file"
    end
    local found, start = {}, at == "/" and "/" or at .. "/"
    for each in pairs(self.nodes) do
        local name = each:sub(1, #start) == start and each:sub(#start + 1) or ""
        if name ~= "" and not name:find("/", 1, true) then
            local entry = self:_facts(each)
            entry.name = name
            found[#found + 1] = entry
        end
    end
    return found
end

function Files:remove(path)
    local node, at = self:_at(path)
    if node == nil then
        return nil, at .. ": No such file or directory", 2
    end
    self.nodes[at] = nil
    return true
end

function Files:mkdir(path, attrs)
    local node, at = self:_at(path)
    if node ~= nil then
        return nil, "failure", "it is there already"
    end
    self.nodes[at], self.attrs[at] = {}, attrs
    return true
end

function Files:rmdir(path)
    local list = self:list(path)
    if not list or list[1] then
        return nil, list and "failure" or "no_such_file", list and "it is not empty"
    end
    return self:remove(path)
end

function Files:posix_rename(old, new)
    local node, at = self:_at(old)
    if node == nil then
        return nil, "no_such_file"
    end
    local to = normal(new)
    self.nodes[at], self.nodes[to] = nil, node
    return true
end

function Files:rename(old, new)
    if self:_at(new) ~= nil then
        return nil, "failure", "it is there already"
    end
    return self:posix_rename(old, new)
end

function Files:symlink(target, path)
    self.nodes[normal(path)] = {target = target}
    return true
end

function Files:readlink(path)
    local node = self:_at(path)
    return type(node) == "table" and node.target or nil, "no_such_file"
end

function Files:hardlink(old, new)
    self.nodes[normal(new)] = self:_at(old)
    return true
end

function Files:fsync() return true end

function Files:statvfs() return {bsize = 4096, namemax = 255} end

function Files:home_directory(user) return "/home/" .. user end

function Files:copy_data(from, offset, size, to, to_offset)
    local node = self.nodes[from.path]
    return self:write(to, to_offset, node:sub(offset + 1, size > 0 and offset + size or -1))
end

function Files:users_groups(users, groups)
    local lists = {}
    for index, list in ipairs {users, groups} do
        lists[index] = {}
        for place, number in ipairs(list) do
            lists[index][place] = number == 5 and "five" or ""
        end
    end
    return lists[1], lists[2]
end

return Files
