-- -> {raw time, skew, steps}
local h = call('HMGET', P .. ':clock', 'skew', 'steps')
return {raw(), tonumber(h[1] or 0), tonumber(h[2] or 0)}
