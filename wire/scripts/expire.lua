-- ARGV: at limit -> how many it ended, or -1: the clock was stepped
-- Also sweeps entries that no accept wrote off the oldest end of `demand`: they would hold a worker up for ever. And
-- models that nobody has any more.
if stepped(ARGV[1]) then return -1 end
local due = call('ZRANGEBYSCORE', P .. ':due', '-inf', now(), 'LIMIT', 0, ARGV[2])
for _, j in ipairs(due) do
  terminal(j, 'failed', 'deadline', failure('deadline', 'The job did not end before its deadline; try again later.'), '')
end
for _, e in ipairs(call('XRANGE', P .. ':demand', '-', '+', 'COUNT', 8)) do
  local j = e[2][1] == 'job' and e[2][2] or ''
  if call('HGET', job_key(j), 'entry') ~= e[1] then
    call('XDEL', P .. ':demand', e[1])
    call('XADD', P .. ':dead', 'MINID', '~', horizon(DEAD_KEEP_MS), '*', 'job', j, 'why', 'undecodable', 'stream', 'demand', 'entry', e[1])
  end
end
sweep_models(ARGV[2])
match()
return #due
