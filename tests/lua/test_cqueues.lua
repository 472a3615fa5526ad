-- SPDX-License-Identifier: Apache-2.0
--
-- sessile.cqueues. A controller runs until nothing is left in it.

local cqueues = require "cqueues"
local driver = require "sessile.cqueues"
local protect = require "sessile.protect"
local suite = require "drivers"

suite.run(driver, function(body, failed)
    local queue = cqueues.new()
    queue:wrap(function()
        local well, problem = protect(body)
        if not well then
            failed(problem)
        end
    end)
    local deadline = cqueues.monotime() + 60
    while not queue:empty() do
        local well, problem = queue:step(1)
        if not well then
            failed(problem)
        elseif cqueues.monotime() > deadline then
            failed("a minute has gone")
        end
    end
end)
