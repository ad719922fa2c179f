-- ARGV: job -> '' unknown | queued | running: the job is live, and nothing is done | forgotten
-- Request, result and log are deleted. That there was a job, and how it ended, is kept as long as before.
local k = job_key(ARGV[1])
local s = call('HGET', k, 'state')
if not s then return '' end
if s == 'queued' or s == 'running' then return s end
call('HDEL', k, 'request', 'result')
call('DEL', P .. ':events:' .. ARGV[1])
call('HSET', k, 'forgotten', 1)
return 'forgotten'
