-- ARGV: job -> '' unknown | queued | running: it lives, nothing is done | forgotten
-- What was asked and what was answered vanish; that there was a job, and how it ended, is kept as long as ever.
local k = job_key(ARGV[1])
local s = call('HGET', k, 'state')
if not s then return '' end
if s == 'queued' or s == 'running' then return s end
call('HDEL', k, 'request', 'result')
call('DEL', P .. ':events:' .. ARGV[1])
call('HSET', k, 'forgotten', 1)
return 'forgotten'
