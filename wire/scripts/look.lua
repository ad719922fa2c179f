-- -> {raw time, skew, steps}
local h = peek('HMGET', P .. ':clock', 'skew', 'steps')
return {raw(), number(h[1], 0), number(h[2], 0)}
