-- ARGV: steps_seen delta -> 1 | 0: somebody was first
if tonumber(call('HGET', P .. ':clock', 'steps') or 0) ~= tonumber(ARGV[1]) then return 0 end
call('HINCRBY', P .. ':clock', 'skew', ARGV[2])
call('HINCRBY', P .. ':clock', 'steps', 1)
return 1
