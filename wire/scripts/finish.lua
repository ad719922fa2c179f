-- ARGV: job incarnation attempt seq state body why result dead(1|0)
-- -> 1 | 0: not yours | -1: seq is not the one after the log's last
local j, f = ARGV[1], ARGV[3] .. '@' .. ARGV[2]
local h = call('HMGET', job_key(j), 'fence', 'by')
if h[1] ~= f then
  if h[2] == f then return 1 end -- the reply was lost, and the call is repeated
  return 0
end
local a, s = last(j)
if a ~= tonumber(ARGV[3]) then s = -1 end
if tonumber(ARGV[4]) ~= s + 1 then return -1 end
if ARGV[8] ~= '' then call('HSET', job_key(j), 'result', ARGV[8]) end
if ARGV[9] == '1' then dead_letter(j, ARGV[7]) end
forget_loading(j, ARGV[2], ARGV[7])
terminal(j, ARGV[5], ARGV[7], ARGV[6], f, ARGV[3] .. '-' .. ARGV[4])
match()
return 1
