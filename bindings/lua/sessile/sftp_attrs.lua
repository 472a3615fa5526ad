-- SPDX-License-Identifier: Apache-2.0
--
-- What is known or wanted of a file, as tables. What is not told is nil. Sizes beyond what a number holds exactly are
-- decimal texts, as everywhere.

local constants = require "sessile.constants"
local core = require "sessile.core"

---@alias sessile.FileType "file"|"directory"|"link"|"fifo"|"socket"|"char"|"block"

---@class sessile.SFTPAttrs
---@field size (integer|string)?
---@field uid integer? owners travel in pairs, and so do the times: the other one is 0 where it is not given
---@field gid integer?
---@field permissions integer? as st_mode
---@field atime integer? seconds since 1970
---@field mtime integer?
---@field type sessile.FileType? what the permissions say of it; given to a client by a server, it need not stand there

-- By the bits of st_mode above the permissions.
local TYPES = {
    [1] = "fifo", [2] = "char", [4] = "directory", [6] = "block", [8] = "file", [10] = "link", [12] = "socket",
}
local BITS = {}
for bits, name in pairs(TYPES) do
    BITS[name] = bits
end
-- st_mode without them, and what there is room for.
local MODES, MOST = 4096, 2 ^ 32 - 1

local attrs = {}

---The permissions without the file's type.
---@param permissions integer
---@return integer
function attrs.mode(permissions) return permissions % MODES end

local function type_of(permissions)
    return TYPES[math.floor(permissions / MODES) % 16]
end

local function with_type(values)
    local permissions, bits = values.permissions, values.type and BITS[values.type]
    if values.type and not bits then
        error(("there is no type of file %q"):format(tostring(values.type)), 0)
    elseif not bits or permissions and permissions >= MODES then
        return permissions
    end
    return (permissions or 0) + bits * MODES
end

-- Times are whole, and from 1970 to 2106.
local function time(seconds) return seconds and math.min(math.max(math.floor(seconds), 0), MOST) end

local function set(handle, name, value)
    if value == nil then
        return true
    end
    return core.sftp_attrs_set(handle, constants.sftp_attr[name], value)
end

---An object of the library's with the same in it, or the failure; nil alone for nil.
---@param values sessile.SFTPAttrs?
---@return userdata?, string?, integer?
function attrs.handle(values)
    if values == nil then
        return nil
    end
    local handle = core.sftp_attrs_new()
    if not handle then
        return nil, core.error_describe(core.ERR_MEMORY), core.ERR_MEMORY
    end
    local told = {
        size = values.size, uid = values.uid, gid = values.gid, permissions = with_type(values),
        atime = time(values.atime), mtime = time(values.mtime),
    }
    for name, value in pairs(told) do
        local well, text, code = set(handle, name, value)
        if not well then
            return nil, text, code
        end
    end
    return handle
end

---What a call writes into an object of the library's: fill(handle) is it. found: the table to put it into.
---@param fill fun(handle: userdata): any
---@param found table?
---@return sessile.SFTPAttrs?, string?, integer?
function attrs.read(fill, found)
    local handle = core.sftp_attrs_new()
    if not handle then
        return nil, core.error_describe(core.ERR_MEMORY), core.ERR_MEMORY
    end
    local well, text, code = fill(handle)
    if not well then
        return nil, text, code
    end
    found = found or {}
    for number = core.SFTP_ATTR_SIZE, core.SFTP_ATTR_MTIME do
        if core.sftp_attrs_has(handle, number) == 1 then
            found[constants.sftp_attr[number]] = core.sftp_attrs_get(handle, number)
        end
    end
    found.type = found.permissions and type_of(found.permissions)
    return found
end

---Flags by their names, as the library has them.
---@param names sessile.SFTPFlag[]
---@return integer
function attrs.flags(names)
    local sum, seen = 0, {}
    for _, name in ipairs(names) do
        if not seen[name] then
            seen[name] = true
            sum = sum + constants.number(constants.sftp_flag, name, "flag")
        end
    end
    return sum
end

---A table that has true under the name of each flag that is set.
---@param flags integer
---@return table<sessile.SFTPFlag, true>
function attrs.flag_names(flags)
    local found = {}
    for name, value in pairs(constants.sftp_flag) do
        if type(name) == "string" and flags % (2 * value) >= value then
            found[name] = true
        end
    end
    return found
end

---The name of a status, or the number of one that has none.
---@param number integer
---@return sessile.SFTPStatus|integer
function attrs.status(number) return constants.sftp_status[number] or number end

return attrs
