-- ARGV: id tenant class timeout_ms max_attempts depth per_tenant at model request_id request version keep base affinity
-- -> ok | full depth | full tenant | stepped
local j, t, c = ARGV[1], ARGV[2], ARGV[3]
if call('EXISTS', job_key(j)) == 1 then return {'ok'} end
if call('XLEN', P .. ':demand') >= tonumber(ARGV[6]) then return {'full', 'depth'} end
local mine = 0
for _, k in ipairs(CLASSES) do mine = mine + call('ZCARD', P .. ':waiting:' .. k .. ':' .. t) end
if mine >= tonumber(ARGV[7]) then return {'full', 'tenant'} end
if stepped(ARGV[8]) then return {'stepped'} end

local at = now()
local due = at + tonumber(ARGV[4])
local n = call('INCR', P .. ':arrivals')
local e = epoch() -- counted now: a restart that forgets the pool's first give must be seen as one
local entry = call('XADD', P .. ':demand', '*', 'job', j)
call('HSET', job_key(j), 'v', ARGV[12], 'state', 'queued', 'tenant', t, 'class', c, 'n', n, 'entry', entry, 'epoch', e,
  'attempt', ARGV[14], 'base', ARGV[14], 'tries', 0, 'unstarted', 0, 'max', ARGV[5], 'owner', '', 'fence', '', 'by', '', 'note', '', 'why', '',
  'end', '', 'accepted', at, 'due', due, 'model', ARGV[9], 'request_id', ARGV[10], 'request', ARGV[11],
  'keep', ARGV[13], 'affinity', ARGV[15], 'route', '')
call('ZADD', P .. ':due', due, j)
enqueue(j, c, t, n)
arriving = j
match()
return {'ok'}
