-- Ends the jobs whose deadline has passed. ARGV: at limit -> how many jobs ended, or -1: the clock was stepped
-- It also sweeps entries that no `accept` wrote off the oldest end of `demand`, which would keep a worker running for
-- ever, and models that no worker has any more.
restore_shapes()
if stepped(ARGV[1]) then return -1 end
local ENDED = {completed = true, failed = true, cancelled = true}
local due = call('ZRANGEBYSCORE', P .. ':due', '-inf', now(), 'LIMIT', 0, ARGV[2])
for _, j in ipairs(due) do
  local state = peek('HGET', job_key(j), 'state')
  if type(state) == 'string' and not ENDED[state] then
    terminal(j, 'failed', 'deadline', failure('deadline', 'The job did not end before its deadline; try again later.'), '')
  else
    call('ZREM', P .. ':due', j)
    bury('due', '', j)
  end
end
for _, e in ipairs(call('XRANGE', P .. ':demand', '-', '+', 'COUNT', 8)) do
  local j = e[2][1] == 'job' and e[2][2] or ''
  if peek('HGET', job_key(j), 'entry') ~= e[1] then
    call('XDEL', P .. ':demand', e[1])
    bury('demand', e[1], j)
  end
end
sweep_models(ARGV[2])
if call('XLEN', P .. ':demand') == 0 then call('DEL', P .. ':bytes') end
match()
return #due
