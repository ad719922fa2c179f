-- ARGV: incarnation slots info models... (a name and its JSON, in turn) -> beat
local w = ARGV[1]
if call('HSETNX', P .. ':beats', w, 1) == 1 then
  call('HSET', P .. ':worker:' .. w, 'slots', ARGV[2], 'asking', 0, 'seen', now(), 'since', now(), 'info', ARGV[3])
end
for i = 4, #ARGV, 2 do call('HSET', P .. ':models', ARGV[i], ARGV[i + 1]) end
return tonumber(call('HGET', P .. ':beats', w))
