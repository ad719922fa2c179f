-- KEYS: job live; ARGV: incarnation attempt note body -> 1 | 0: not yours
-- News is no event: it is published without an id, and kept in the record for readers that come later.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] .. '@' .. ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'note', ARGV[3])
redis.call('PUBLISH', KEYS[2], '- ' .. ARGV[4])
return 1
