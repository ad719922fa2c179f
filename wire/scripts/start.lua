-- ARGV: job incarnation attempt body
-- -> {1, request, request_id, due, tries, max, accepted, now, circuits} | {0}: not yours
-- The worker's first act on a run order: `started` is in the log before the request is even parsed, so that an
-- attempt which kills its worker by its content is one that had started, and is charged.
local j, f = ARGV[1], ARGV[3] .. '@' .. ARGV[2]
local k = job_key(j)
if call('HGET', k, 'fence') ~= f then return {0} end
local a = last(j)
if a ~= tonumber(ARGV[3]) then
  local id = ARGV[3] .. '-0'
  call('XADD', P .. ':events:' .. j, id, 'e', ARGV[4])
  call('PUBLISH', P .. ':live:' .. j, id .. ' ' .. ARGV[4])
  mark(j, 'started:' .. ARGV[3], ARGV[2])
end
local h = call('HMGET', k, 'request', 'request_id', 'due', 'tries', 'max', 'accepted')
return {1, h[1], h[2], tonumber(h[3]), tonumber(h[4]), tonumber(h[5]), tonumber(h[6]), now(),
  call('HLEN', P .. ':circuits')}
