-- ARGV: job incarnation attempt why charged(1|0) code message behind(1|0) -> 1 | 0: not yours
-- An interrupted job goes back to the front. A job is charged where the attempt itself failed in a way that another
-- attempt may mend: then it goes behind all jobs that wait, since the next attempt may well fail too. `behind`: it goes
-- behind them uncharged. The worker stops asking, because it would get the same job straight back; it asks again when
-- it can take work.
local j, w, f = ARGV[1], ARGV[2], ARGV[3] .. '@' .. ARGV[2]
local h = call('HMGET', job_key(j), 'fence', 'by')
if h[1] ~= f then
  if h[2] == 'back ' .. f then return 1 end
  return 0
end
forget_loading(j, w, ARGV[6])
local queued = requeue(j, 'back ' .. f, ARGV[4], ARGV[5] == '1' or ARGV[8] == '1')
if queued and ARGV[5] == '1' then charge(j, ARGV[6], ARGV[7]) end
call('HSET', P .. ':worker:' .. w, 'asking', 0)
call('ZREM', P .. ':idle', w)
match()
return 1
