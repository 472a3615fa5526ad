-- SPDX-License-Identifier: Apache-2.0
--
-- pcall() for what waits. In PUC's Lua 5.1 nothing can yield inside pcall: there the call runs in a coroutine of its
-- own, and what that yields is handed on.

local plain = pcall

local probe = coroutine.create(function() plain(coroutine.yield) end)
coroutine.resume(probe)
if coroutine.status(probe) == "suspended" then
    return plain
end

local relay

local function follow(task, well, ...)
    if not well or coroutine.status(task) == "dead" then
        return well, ...
    end
    return relay(task, coroutine.yield(...))
end

function relay(task, ...)
    return follow(task, coroutine.resume(task, ...))
end

return function(call, ...)
    return relay(coroutine.create(call), ...)
end
