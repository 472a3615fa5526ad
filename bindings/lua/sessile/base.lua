-- SPDX-License-Identifier: Apache-2.0
--
-- What the objects of this package share: classes, one handle each, and how results are told.

local core = require "sessile.core"

local base = {}

---An object of the library: it holds a handle, and lets go of it when it is collected, freed, or, in Lua 5.4, when a
---variable that is marked <close> goes out of scope.
---@class sessile.Owner
---@field _handle userdata
local Owner = {}

---Let go of the object now. Whatever is called on it afterwards returns nil, a text, ERR_GONE.
function Owner:free()
    core.free(self._handle)
end

---Whether it is freed.
---@return boolean
function Owner:freed()
    return core.freed(self._handle)
end

local function describe(self)
    return ("%s: %s"):format(getmetatable(self).__name, tostring(rawget(self, "_handle")))
end

---A class whose objects find their methods in it, and then in the parent.
---@param name string
---@param parent table?
---@return table
function base.class(name, parent)
    local class = setmetatable({__name = name, __tostring = describe}, {__index = parent or Owner})
    class.__index = class
    class.__close = class.free
    return class
end

---An object for the handle that a function of the library made; its failure where it made none.
function base.made(class, handle, text, code)
    if not handle then
        return nil, text or core.error_describe(core.ERR_MEMORY), code or core.ERR_MEMORY
    end
    return setmetatable({_handle = handle}, class)
end

---true, or the failure.
---@return true?, string?, integer?
function base.done(result, text, code)
    if result then
        return true
    end
    return nil, text, code
end

---The object itself, so that calls can be chained, or the failure.
function base.chain(self, result, text, code)
    if result then
        return self
    end
    return nil, text, code
end

---A number as a truth, or the failure.
---@return boolean?, string?, integer?
function base.truth(result, text, code)
    if result then
        return result ~= 0
    end
    return nil, text, code
end

---A failure of a kind, in the words that describe the kind.
function base.failure(code, text)
    return nil, text or core.error_describe(code), code
end

local function leave(handle, well, ...)
    core.session_leave(handle)
    if not well then
        error((...), 0)
    end
    return ...
end

---What call(...) returns or raises, with nothing sent and nothing called back before it has.
function base.batched(handle, call, ...)
    local entered, text, code = core.session_enter(handle)
    if not entered then
        return nil, text, code
    end
    return leave(handle, pcall(call, ...))
end

---Names as the library's lists have them: separated by commas.
---@param value string|string[]
---@return string
function base.names(value)
    return type(value) == "table" and table.concat(value, ",") or value --[[@as string]]
end

---The names of such a list.
---@param text string
---@return string[]
function base.split(text)
    local found = {}
    for name in text:gmatch("[^,]+") do
        found[#found + 1] = name
    end
    return found
end

---Raise unless the value is an object of that class, or of one that extends it.
function base.expect(value, class, what)
    local found = type(value) == "table" and getmetatable(value) or nil
    while type(found) == "table" do
        if found == class then
            return value._handle
        end
        local above = getmetatable(found)
        found = above and above.__index
    end
    error(("%s expected, got %s"):format(what or class.__name, type(value)), 3)
end

---Fill a config from a table of options, in the order of rows: each is an option's name and the method that sets it.
function base.configure(config, rows, options)
    local known = {}
    for _, row in ipairs(rows) do
        local name, method = row[1], row[2]
        known[name] = true
        if options[name] ~= nil then
            local set, text, code = config[method](config, options[name])
            if not set then
                return nil, text, code
            end
        end
    end
    for name in pairs(options) do
        if not known[name] then
            error(("there is no option %q"):format(tostring(name)), 3)
        end
    end
    return config
end

return base
