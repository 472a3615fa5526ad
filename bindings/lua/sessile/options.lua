-- SPDX-License-Identifier: Apache-2.0
--
-- Tables of options: one that is misspelt, or of a type that it cannot have, raises before anything is begun, so that
-- it is not passed over in silence and nothing is left behind half done.

local options = {}

---What is known: options' names, each with the types that it may have: {port = "number", password = "string|function"}.
---"any" is every type. several such tables make one.
---@return table<string, table<string, true>>
function options.known(...)
    local known = {}
    for _, rows in ipairs {...} do
        for name, types in pairs(rows) do
            known[name] = {}
            for each in types:gmatch("%a+") do
                known[name][each] = true
            end
        end
    end
    return known
end

---The options, or none where there are none. Raises at that level where one is wrong; false is as good as absent.
---@param given table?
---@param known table<string, table<string, true>>
---@param level integer
---@return table
function options.check(given, known, level)
    if given == nil then
        return {}
    elseif type(given) ~= "table" then
        error("a table of options expected, got " .. type(given), level + 1)
    end
    for name, value in pairs(given) do
        local types = known[name]
        if not types then
            error(("there is no option %q"):format(tostring(name)), level + 1)
        elseif value and not types[type(value)] and not types.any then
            error(("the option %q cannot be a %s"):format(name, type(value)), level + 1)
        end
    end
    return given
end

return options
