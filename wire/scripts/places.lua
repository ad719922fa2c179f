-- ARGV: jobs... -> {workers alive, {class, front, {tenant, depth, ...}} ..., {state, class, tenant, rank, in_front, note} ...}
-- The lengths of the queue, which a process reads once a second to show waiting callers their places. This script and
-- wire/places.py, which counts the jobs ahead of each, mirror the order of `next_job` in policy.lua.
local answer = {call('HLEN', P .. ':beats')}
for _, c in ipairs(CLASSES) do
  local tenants = {}
  for _, t in ipairs(call('ZRANGE', P .. ':ring:' .. c, 0, -1)) do
    tenants[#tenants + 1] = t
    tenants[#tenants + 1] = number(peek('ZCARD', P .. ':waiting:' .. c .. ':' .. t), 0)
  end
  answer[#answer + 1] = {c, call('ZCARD', P .. ':front:' .. c), tenants}
end
for _, j in ipairs(ARGV) do
  local h = peek('HMGET', job_key(j), 'state', 'class', 'tenant', 'note')
  local rank, front = false, 0
  if h[1] == 'queued' then
    rank = call('ZRANK', P .. ':front:' .. (h[2] or ''), j)
    front = rank and 1 or 0
    rank = rank or number(peek('ZRANK', P .. ':waiting:' .. (h[2] or '') .. ':' .. (h[3] or ''), j))
  end
  answer[#answer + 1] = {h[1] or '', h[2] or '', h[3] or '', rank or -1, front, h[4] or ''}
end
return answer
