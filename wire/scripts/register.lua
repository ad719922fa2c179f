-- ARGV: incarnation slots info loaded models... (a name and its JSON, in turn) -> beat
-- `loaded`: the names of the models in memory, as a JSON list.
local w = ARGV[1]
if call('HSETNX', P .. ':beats', w, 1) == 1 then
  call('HSET', P .. ':worker:' .. w, 'slots', ARGV[2], 'asking', 0, 'seen', now(), 'since', now(), 'info', ARGV[3])
end
learn_loaded(w, ARGV[4])
learn_models(5)
return number(call('HGET', P .. ':beats', w), 1)
