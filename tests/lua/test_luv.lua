-- SPDX-License-Identifier: Apache-2.0
--
-- sessile.luv. The loop runs until nothing is left in it, so that what a driver leaves behind hangs the test.

local driver = require "sessile.luv"
local suite = require "drivers"
local uv = require "luv"

suite.run(driver, function(body, failed)
    local watch = uv.new_timer()
    watch:start(60000, 0, function() failed("a minute has gone") end)
    watch:unref()
    driver.spawn(body, failed)
    uv.run()
    watch:close()
    uv.run()
end)
