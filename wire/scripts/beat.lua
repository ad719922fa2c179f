-- ARGV: incarnation inbox_from info loaded models... -> {beat, owned...} | {0}: this life is over
-- `inbox_from`: the id after the last entry read, '' for none; `info`: '' when nothing changed;
-- `loaded`: '' when it has not looked.
local w = ARGV[1]
if call('HEXISTS', P .. ':beats', w) == 0 then return {0} end
local n, t = call('HINCRBY', P .. ':beats', w, 1), now()
call('HSET', P .. ':worker:' .. w, 'seen', t)
if ARGV[3] ~= '' then call('HSET', P .. ':worker:' .. w, 'info', ARGV[3]) end
learn_loaded(w, ARGV[4])
learn_models(5)
call('ZADD', P .. ':idle', 'XX', t, w)
if ARGV[2] ~= '' then call('XTRIM', P .. ':inbox:' .. w, 'MINID', ARGV[2]) end
local answer = call('SMEMBERS', P .. ':owned:' .. w)
table.insert(answer, 1, n)
return answer
