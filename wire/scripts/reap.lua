-- ARGV: incarnation beat -> 1: that life is over | 0: it has beaten since then. A worker that leaves reaps itself.
local w = ARGV[1]
local b = call('HGET', P .. ':beats', w)
if not b then return 1 end
if b ~= ARGV[2] then return 0 end
end_life(w)
match()
return 1
