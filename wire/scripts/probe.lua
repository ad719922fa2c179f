-- ARGV: engine|model -> 1: one job of the caller's may try it | 0: it is not open, or too soon, or somebody else's to try
-- A probe that is never heard of again holds nobody up: after as long again there is another.
local PROBE_MS = 30000
local k = P .. ':circuits'
local c = circuit(ARGV[1]) or {state = 'closed'}
if c.state == 'closed' or now() - math.max(c.opened, c.probed) < PROBE_MS then return 0 end
c.state, c.probed = 'half_open', now()
call('HSET', k, ARGV[1], cjson.encode(c))
return 1
