-- ARGV: job incarnation attempt body
-- -> {1, request, request_id, due, tries, max, accepted, now, circuits} | {0}: not yours
-- A worker's first call on a run order: `started` is in the log before the request is parsed, so that an attempt whose
-- request kills its worker had started, and is charged.
local j, f = ARGV[1], ARGV[3] .. '@' .. ARGV[2]
local k = job_key(j)
if call('HGET', k, 'fence') ~= f then return {0} end
local a = last(j)
if a ~= tonumber(ARGV[3]) then
  log_event(j, ARGV[3] .. '-0', ARGV[4])
  mark(j, 'started:' .. ARGV[3], ARGV[2])
end
local h = call('HMGET', k, 'request', 'request_id', 'due', 'tries', 'max', 'accepted')
return {1, h[1] or '', h[2] or '', number(h[3], 0), number(h[4], 0), number(h[5], 1), number(h[6], 0), now(),
  number(peek('HLEN', P .. ':circuits'), 0)}
