-- ARGV: id tenant class timeout_ms max_attempts depth per_tenant at model request_id request version keep base affinity
--   outline most_bytes principal -> ok | full depth | full tenant | full bytes | stepped
-- `outline`: takes the request's place at the end, '' where the request stays; `most_bytes`: bound of the bytes of all
-- requests that are not terminal; `principal`: the caller's id, '' or absent where an older version calls.
local j, t, c = ARGV[1], ARGV[2], ARGV[3]
if call('EXISTS', job_key(j)) == 1 then return {'ok'} end
if call('XLEN', P .. ':demand') >= tonumber(ARGV[6]) then return {'full', 'depth'} end
local waiting = 0
for _, k in ipairs(CLASSES) do waiting = waiting + number(peek('ZCARD', P .. ':waiting:' .. k .. ':' .. t), 0) end
if waiting >= tonumber(ARGV[7]) then return {'full', 'tenant'} end
if too_heavy(#ARGV[11], tonumber(ARGV[17] or '')) then return {'full', 'bytes'} end
if stepped(ARGV[8]) then return {'stepped'} end

local at = now()
local due = at + tonumber(ARGV[4])
local n = next_arrival()
local e = epoch() -- counted now: a restart that forgets the pool's first give must be noticed
local entry = append(P .. ':demand', '*', 'job', j)
call('HSET', job_key(j), 'v', ARGV[12], 'state', 'queued', 'tenant', t, 'class', c, 'n', n, 'entry', entry, 'epoch', e,
  'attempt', ARGV[14], 'base', ARGV[14], 'tries', 0, 'unstarted', 0, 'max', ARGV[5], 'owner', '', 'fence', '', 'by', '', 'note', '', 'why', '',
  'end', '', 'accepted', at, 'due', due, 'model', ARGV[9], 'request_id', ARGV[10], 'request', ARGV[11],
  'keep', ARGV[13], 'affinity', ARGV[15], 'route', '', 'outline', ARGV[16] or '', 'bytes', #ARGV[11],
  'principal', ARGV[18] or '')
weigh(#ARGV[11])
call('ZADD', P .. ':due', due, j)
enqueue(j, c, t, n)
arriving = j
match()
return {'ok'}
