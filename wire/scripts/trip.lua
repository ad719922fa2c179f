-- ARGV: engine|model reason -> closed | open | half_open: what its circuit is now. One more failure in a row.
local OPEN_AT = 5 -- one poison job, at three tries, does not speak for all others
local k = P .. ':circuits'
local c = circuit(ARGV[1]) or {state = 'closed', failures = 0, opened = 0, probed = 0}
c.failures, c.reason = c.failures + 1, ARGV[2]
if c.state == 'half_open' or (c.state == 'closed' and c.failures >= OPEN_AT) then c.state, c.opened = 'open', now() end
call('HSET', k, ARGV[1], cjson.encode(c))
call('PEXPIRE', k, KEEP_MS) -- what nobody has met for a day is nobody's trouble any more
return c.state
