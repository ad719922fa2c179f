-- ARGV: incarnation beat -> 1: that life is over | 0: it has beaten since. A worker that leaves reaps itself.
local w = ARGV[1]
local b = call('HGET', P .. ':beats', w)
if not b then return 1 end
if b ~= ARGV[2] then return 0 end
call('HDEL', P .. ':beats', w)
call('ZREM', P .. ':idle', w)
learn_loaded(w, '[]')
for _, j in ipairs(call('SMEMBERS', P .. ':owned:' .. w)) do
  local started = last(j) == tonumber(call('HGET', job_key(j), 'attempt'))
  local queued = requeue(j, '', 'worker_lost')
  if queued and started then
    charge(j, 'worker_lost', 'The worker died while it ran this job, and no attempt is left.')
  end
end
call('DEL', P .. ':worker:' .. w, P .. ':owned:' .. w, P .. ':inbox:' .. w)
match()
return 1
