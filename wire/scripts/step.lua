-- Corrects `skew` by a step of Redis's clock. ARGV: steps_seen delta -> 1 | 0: another process corrected it first
local h = call('HMGET', P .. ':clock', 'skew', 'steps')
local skew, steps = number(h[1], 0), number(h[2], 0)
if steps ~= tonumber(ARGV[1]) then return 0 end
call('HSET', P .. ':clock', 'skew', string.format('%d', skew + ARGV[2]), 'steps', string.format('%d', steps + 1))
return 1
