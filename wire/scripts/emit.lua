-- The hot path. KEYS: job events live; ARGV: incarnation attempt seq body -> 1 | 0: not yours
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] .. '@' .. ARGV[1] then return 0 end
local id = ARGV[2] .. '-' .. ARGV[3]
local added = redis.pcall('XADD', KEYS[2], id, 'e', ARGV[4])
if type(added) == 'table' then
  if string.find(added.err, 'equal or smaller', 1, true) then return 1 end -- our own retry: it is logged
  return added
end
redis.call('PUBLISH', KEYS[3], id .. ' ' .. ARGV[4])
return 1
