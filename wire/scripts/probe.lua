-- ARGV: engine|model -> 1: the caller's next job may try it | 0: the circuit is closed, or it is too soon, or another
-- caller's job tries it. A probe whose outcome never arrives is followed by another after the same time.
local PROBE_MS = 30000
local k = P .. ':circuits'
local c = circuit(ARGV[1]) or {state = 'closed'}
if c.state == 'closed' or now() - math.max(c.opened, c.probed) < PROBE_MS then return 0 end
c.state, c.probed = 'half_open', now()
call('HSET', k, ARGV[1], cjson.encode(c))
return 1
