-- A worker takes jobs from now on, or none. ARGV: incarnation wants(1|0) -> 1 | 0: this life is over
local w = ARGV[1]
if call('HEXISTS', P .. ':beats', w) == 0 then return 0 end
call('HSET', P .. ':worker:' .. w, 'asking', ARGV[2], 'seen', now())
if ARGV[2] == '1' then
  offer(w)
  match()
else
  call('ZREM', P .. ':idle', w)
end
return 1
