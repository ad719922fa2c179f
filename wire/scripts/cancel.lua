-- ARGV: job why -> the state it is in now, '' unknown; 'cancelled' however often it is called
local s = call('HGET', job_key(ARGV[1]), 'state')
if s == 'queued' or s == 'running' then
  terminal(ARGV[1], 'cancelled', ARGV[2], event('cancelled', {reason = ARGV[2]}), '')
  match()
  s = 'cancelled'
end
return s or ''
