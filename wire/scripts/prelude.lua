local CLASSES = {'interactive', 'batch'}
local STEP_MS = 2000            -- a clock off by more than this has been stepped
local FRESH_MS = 5000           -- two beats and a margin: a worker seen since then missed no two
local CANDIDATES = 16           -- how many of the freshest idle workers are compared
local CLOSE = 8                 -- how many of a tenant's oldest jobs a freed worker chooses from
local PASS_OVER_MS = 2000       -- how long one may be passed over, from the first time on: models take longer to load
local WARM_MS = 600000          -- how long a worker is held to remember a conversation: engines tell nobody
local MAX_UNSTARTED = 20        -- gives that no worker ever started: the job is a poison of its own kind
local EPOCH_ATTEMPTS = 1000     -- numbers skipped for each restart of Redis that a job lives through
local KEEP_MS = 86400000        -- ledger entries live a day after a job's end
local MODELS_KEPT = 2000        -- of those last seen; a pool of a hundred engines has fewer
local HANDFUL = 200
local DEAD_KEEP_MS = 604800000  -- dead letters live a week

local function job_key(j) return P .. ':job:' .. j end

local function now() return raw() - number(peek('HGET', P .. ':clock', 'skew'), 0) end
local function stepped(at) return at ~= '' and math.abs(now() - tonumber(at)) > STEP_MS end
-- Streams are trimmed by Redis's own ids, so by raw time: a step can cost or save a day's old entries an hour.
local function horizon(ms) return string.format('%d', math.max(0, raw() - ms)) end

-- An entry that nobody can use becomes a dead letter.
local function bury(stream, entry, j)
  append(P .. ':dead', 'MINID', '~', horizon(DEAD_KEEP_MS), '*', 'job', j, 'why', 'undecodable', 'stream', stream, 'entry', entry)
end

local function mark(j, what, detail) call('HSET', job_key(j), what, string.format('%d %s', now(), detail)) end

-- The number of a job that arrives now. A count that no script wrote is begun anew by the clock, behind all that there
-- can have been.
local function next_arrival()
  local n = number(redis.pcall('INCR', P .. ':arrivals'))
  if n then return n end
  n = now()
  call('SET', P .. ':arrivals', string.format('%d', n))
  return n
end

-- The fair queue: interrupted jobs first (by arrival), then tenants in turn, a tenant's jobs by arrival.
local function take_a_turn(c, t)
  local last = call('ZRANGE', P .. ':ring:' .. c, -1, -1, 'WITHSCORES')
  call('ZADD', P .. ':ring:' .. c, 'NX', (tonumber(last[2]) or 0) + 1, t)
end

local function enqueue(j, c, t, n)
  local q = P .. ':waiting:' .. c .. ':' .. t
  put('ZADD', q, n, j)
  if call('ZCARD', q) == 1 then take_a_turn(c, t) end
end

local function dequeue(j, c, t)
  if call('ZREM', P .. ':front:' .. c, j) == 1 then return end
  local q = P .. ':waiting:' .. c .. ':' .. t
  put('ZREM', q, j)
  if call('ZCARD', q) == 0 then call('ZREM', P .. ':ring:' .. c, t) end
end

-- What a worker has in memory, seen from both sides: `loaded:<worker>` are models, `holders:<model>` are workers.
local function hold(w, m)
  local new = put('SADD', P .. ':loaded:' .. w, m) == 1
  if new then put('SADD', P .. ':holders:' .. m, w) end
  return not new
end

local function let_go(w, m)
  put('SREM', P .. ':loaded:' .. w, m)
  put('SREM', P .. ':holders:' .. m, w)
end

-- `names`: all that it has loaded, as a JSON list; '': it does not say.
local function learn_loaded(w, names)
  local list = decoded(names)
  if not list then return end
  local told = {}
  for _, m in ipairs(list) do
    if type(m) == 'string' then
      told[m] = true
      hold(w, m)
    end
  end
  for _, m in ipairs(peek('SMEMBERS', P .. ':loaded:' .. w)) do
    if not told[m] then let_go(w, m) end
  end
end

-- `ARGV` from `first` on: models and what a worker says of them, in turn. `seen` has when each was told of last.
local function learn_models(first)
  for i = first, #ARGV, 2 do
    call('HSET', P .. ':models', ARGV[i], ARGV[i + 1])
    call('ZADD', P .. ':seen', now(), ARGV[i])
  end
end

local function forget_models(names)
  for _, m in ipairs(names) do
    call('HDEL', P .. ':models', m)
    call('ZREM', P .. ':seen', m)
  end
end

-- Those that an older version's script wrote down have no time: they get this one while there is room for them. A handful
-- at a time, for there may be any number.
local function time_models()
  local over = call('HLEN', P .. ':models') - MODELS_KEPT
  local handful = call('HRANDFIELD', P .. ':models', HANDFUL)
  table.sort(handful)
  for _, m in ipairs(handful) do
    if not call('ZSCORE', P .. ':seen', m) then
      if over > 0 then
        call('HDEL', P .. ':models', m)
      else
        call('ZADD', P .. ':seen', now(), m)
      end
      over = over - 1
    end
  end
end

-- Models that nobody has told of for a day are forgotten, and the oldest of too many, some at a time.
local function sweep_models(limit)
  if call('HLEN', P .. ':models') > call('ZCARD', P .. ':seen') then time_models() end
  forget_models(call('ZRANGE', P .. ':seen', '-inf', now() - KEEP_MS, 'BYSCORE', 'LIMIT', 0, limit))
  local over = call('ZCARD', P .. ':seen') - MODELS_KEPT
  if over > 0 then forget_models(call('ZRANGE', P .. ':seen', 0, math.min(over, limit) - 1)) end
end

-- A give counts as loading. A worker that failed like this holds nothing, and is soon free again: it would draw every
-- job of that model to itself.
local NOT_LOADED = {model_not_found = true, out_of_memory = true, rerouted = true}
local function forget_loading(j, w, code)
  if NOT_LOADED[code] then let_go(w, call('HGET', job_key(j), 'model') or '') end
end

-- Of a tenant's oldest jobs the first whose conversation this worker had last, else the first whose model it has
-- loaded, else the oldest. Nobody goes before a job that has been passed over for long enough, and one that went behind
-- others goes before nobody.
local function favourite(jobs, w)
  local models, warm, behind, t = {}, {}, {}, now()
  for i, j in ipairs(jobs) do
    local h = peek('HMGET', job_key(j), 'model', 'affinity', 'passed', 'behind')
    models[i], warm[i], behind[i] = h[1] or '', P .. ':warm:' .. (h[2] or ''), h[4]
    if h[3] and t - number(h[3], t) >= PASS_OVER_MS then break end
  end
  local loaded = peek('SMISMEMBER', P .. ':loaded:' .. w, unpack(models))
  local had = call('MGET', unpack(warm))
  local warmest, nearest
  for i = #models, 1, -1 do
    local suits = loaded[i] == 1 and not behind[i]
    if suits then nearest = i end
    if suits and had[i] == w then warmest = i end
  end
  local chosen = warmest or nearest or 1
  for i = 1, chosen - 1 do redis.pcall('HSETNX', job_key(jobs[i]), 'passed', t) end
  return jobs[chosen]
end

-- A job of the tenant whose turn it is; nil where the class has none.
local function next_of_a_tenant(c, w)
  while true do
    local t = call('ZPOPMIN', P .. ':ring:' .. c)[1]
    if not t then return end
    local q = P .. ':waiting:' .. c .. ':' .. t
    local jobs = peek('ZRANGE', q, 0, w and CLOSE - 1 or 0)
    if jobs[1] then
      local j = jobs[2] and favourite(jobs, w) or jobs[1]
      call('ZREM', q, j)
      if call('ZCARD', q) > 0 then take_a_turn(c, t) end
      return j
    end
  end
end

-- `w`: the only worker that is free, which may choose a little; nil where there are more, and the job will choose.
local function next_job(w)
  for _, c in ipairs(CLASSES) do
    local returned = call('ZPOPMIN', P .. ':front:' .. c)
    if returned[1] then return returned[1] end
    local j = next_of_a_tenant(c, w)
    if j then return j end
  end
end

-- A worker is idle while it asks and owns fewer jobs than it has slots. Nothing counts free slots, so nothing drifts.
local function offer(w)
  local h = peek('HMGET', P .. ':worker:' .. w, 'asking', 'slots', 'seen')
  if h[1] == '1' and number(peek('SCARD', P .. ':owned:' .. w), 0) < number(h[2], 0) then
    call('ZADD', P .. ':idle', number(h[3], 0), w)
  end
end

-- The idle workers that were seen last, with their scores. A name that is no living worker's would keep its job for ever.
local function freshest()
  while true do
    local idle, names, ghosts = call('ZREVRANGE', P .. ':idle', 0, CANDIDATES - 1, 'WITHSCORES'), {}, false
    if not idle[1] then return idle end
    for i = 1, #idle, 2 do names[#names + 1] = idle[i] end
    for i, beat in ipairs(call('HMGET', P .. ':beats', unpack(names))) do
      if not beat then ghosts = call('ZREM', P .. ':idle', names[i]) end
    end
    if not ghosts then return idle end
  end
end

-- The worker that had this conversation last, if it is idle, missed no two beats and still has the model.
local function warm_worker(affinity, m, fresh)
  local w = affinity ~= '' and peek('GET', P .. ':warm:' .. affinity)
  local seen = type(w) == 'string' and call('ZSCORE', P .. ':idle', w)
  if seen and tonumber(seen) >= fresh and call('SISMEMBER', P .. ':loaded:' .. w, m) == 1 then return w end
end

-- Those idle workers that have the model, the freshest first: of `names`, or of them all where none of so many has it.
local function idle_holders(names, m, fresh)
  local answer, holds = {}, peek('SMISMEMBER', P .. ':holders:' .. m, unpack(names))
  for i, w in ipairs(names) do
    if holds[i] == 1 then answer[#answer + 1] = w end
  end
  if answer[1] or #names < CANDIDATES then return answer end
  local all = peek('ZINTER', 2, P .. ':idle', P .. ':holders:' .. m, 'WEIGHTS', 1, 0, 'WITHSCORES')
  for i = #all - 1, math.max(1, #all - 2 * CANDIDATES), -2 do
    if tonumber(all[i + 1]) >= fresh then answer[#answer + 1] = all[i] end
  end
  return answer
end

local function least_busy(names)
  local best, fewest
  for _, w in ipairs(names) do
    local owned = call('SCARD', P .. ':owned:' .. w)
    if not fewest or owned < fewest then best, fewest = w, owned end
  end
  return best
end

-- The policy, where several workers are free: of those that missed no two beats the one that had this conversation
-- last, else of those that have the model, else of them all, the one that owns fewest jobs, the freshest at a tie.
-- Where all have missed some, the freshest: no job waits while a worker is idle.
local function best_worker(m, affinity, idle)
  local fresh, names = now() - FRESH_MS, {}
  for i = 1, #idle, 2 do
    if tonumber(idle[i + 1]) >= fresh then names[#names + 1] = idle[i] end
  end
  if not names[1] then return idle[1] end
  local w = warm_worker(affinity, m, fresh)
  if w then return w end
  local holders = idle_holders(names, m, fresh)
  return least_busy(holders[1] and holders or names)
end

-- Counts the lives of the server itself. One that restarted or took over may have forgotten a give, and its attempt's
-- number with it: given again under that number, a new attempt's events would pass for the old one's.
local function count_epochs()
  local run = string.match(call('INFO', 'server'), 'run_id:(%x+)')
  local h = call('HMGET', P .. ':clock', 'run', 'epoch')
  if h[1] == run then return number(h[2], 1) end
  call('HSET', P .. ':clock', 'run', run)
  return bump(P .. ':clock', 'epoch', 1)
end

local counted -- INFO is the dearest call here (15 µs): one look a script is enough
local function epoch()
  counted = counted or count_epochs()
  return counted
end

local function next_attempt(j)
  local e = epoch()
  local lives = math.max(0, e - number(call('HGET', job_key(j), 'epoch'), e))
  if lives > 0 then call('HSET', job_key(j), 'epoch', e) end
  return bump(job_key(j), 'attempt', 1 + lives * EPOCH_ATTEMPTS)
end

local arriving -- the job that this script lets in, if it does

-- How this job found its worker; from now on it is expected to hold model and conversation.
local function route(j, w, m, affinity)
  local held = hold(w, m)
  local had = affinity ~= '' and put('SET', P .. ':warm:' .. affinity, w, 'PX', WARM_MS, 'GET')
  if held then return had == w and 'warm' or 'loaded' end
  return j == arriving and 'idle' or 'queue'
end

-- What may fail comes first, while the job still is as it was.
local function give(j, w, m, affinity)
  local a = next_attempt(j)
  call('SADD', P .. ':owned:' .. w, j)
  call('XADD', P .. ':inbox:' .. w, '*', 'do', 'run', 'job', j, 'attempt', a, 'model', m)
  call('HSET', job_key(j), 'state', 'running', 'owner', w, 'fence', a .. '@' .. w, 'note', '',
    'route', route(j, w, m, affinity))
  mark(j, 'given:' .. a, w)
  if call('SCARD', P .. ':owned:' .. w) >= number(call('HGET', P .. ':worker:' .. w, 'slots'), 0) then
    call('ZREM', P .. ':idle', w)
  end
end

-- The job's log: its last attempt and seq, 0 and 0 for an empty one.
local function last(j)
  local e = peek('XREVRANGE', P .. ':events:' .. j, '+', '-', 'COUNT', 1)[1]
  if not e then return 0, 0 end
  local a, s = string.match(e[1], '(%d+)-(%d+)')
  return tonumber(a), tonumber(s)
end

-- A log that takes this event no more holds what no script wrote. It is replaced, and its readers hear that it was lost.
local function tell(j, id, body)
  local k = P .. ':events:' .. j
  local added = redis.pcall('XADD', k, id, 'e', body)
  if type(added) == 'table' then
    call('DEL', k)
    call('XADD', k, id, 'e', body)
  end
  call('PUBLISH', P .. ':live:' .. j, id .. ' ' .. body)
end

local function dead_letter(j, why)
  append(P .. ':dead', 'MINID', '~', horizon(DEAD_KEEP_MS), '*', 'job', j, 'why', why)
end

-- `type` comes first in every event (docs/protocol.md): readers tell tokens from the rest without parsing.
local function event(kind, fields) return '{"type":"' .. kind .. '",' .. string.sub(cjson.encode(fields), 2) end
local function failure(code, message) return event('failed', {code = code, message = message, retryable = true}) end

-- The id of an end that the owner did not write: behind the log's last. In an empty log it is `0-1`, or the first id
-- behind all that the job said in the pool which it came from.
local function end_id(j, base)
  local a, s = last(j)
  if a == 0 and base > 0 then return (base + 1) .. '-0' end
  if not number(a) or not number(s + 1) then return '0-1' end -- no script gave that id: the log is replaced
  return a .. '-' .. (s + 1)
end

-- Bytes of the requests of all jobs that are not terminal. A script of an older version takes nothing off, so the sum
-- may be too high.
local function weigh(bytes)
  if bytes ~= 0 and bump(P .. ':bytes', 'total', bytes) <= 0 then call('DEL', P .. ':bytes') end
end

-- Before anybody is refused for them they are counted anew, once a second at most.
local RECOUNT_MS = 1000
local function weight()
  local h = peek('HMGET', P .. ':bytes', 'total', 'counted')
  return number(h[1], 0), number(h[2], 0)
end

local function weigh_anew()
  local sum = 0
  for _, e in ipairs(call('XRANGE', P .. ':demand', '-', '+')) do
    local h = peek('HMGET', job_key(e[2][2]), 'entry', 'bytes')
    if h[1] == e[1] then sum = sum + number(h[2], 0) end
  end
  call('DEL', P .. ':bytes')
  call('HSET', P .. ':bytes', 'total', sum, 'counted', now())
  return sum
end

local function too_heavy(bytes, most)
  if not most then return false end
  local total, counted = weight()
  if total + bytes > most and math.abs(now() - counted) >= RECOUNT_MS then total = weigh_anew() end
  return total + bytes > most
end

-- The one way a job ends. `by`, `id`: the fence of the owner that ended it and its event's id; '' and nil when somebody
-- else did; then the owner is told to stop.
local function terminal(j, state, why, body, by, id)
  local k = job_key(j)
  local h = call('HMGET', k, 'owner', 'attempt', 'class', 'tenant', 'entry', 'state', 'base', 'keep', 'outline', 'bytes')
  local keep = math.max(1, number(h[8], KEEP_MS)) -- absent: an older version let it in
  h[1] = h[1] or ''
  id = id or end_id(j, number(h[7], 0))
  tell(j, id, body)
  if h[6] == 'queued' then dequeue(j, h[3] or '', h[4] or '') end
  redis.pcall('XDEL', P .. ':demand', h[5] or '') -- an id that is none: `expire` sweeps that entry
  call('ZREM', P .. ':due', j)
  call('HSET', k, 'state', state, 'owner', '', 'fence', '', 'note', '', 'why', why, 'by', by, 'end', id)
  weigh(-number(h[10], 0))
  if (h[9] or '') ~= '' and why ~= 'rerouted' then call('HSET', k, 'request', h[9]) end
  mark(j, 'ended', state)
  call('PEXPIRE', k, keep)
  call('PEXPIRE', P .. ':events:' .. j, keep)
  append(P .. ':finished', 'MINID', '~', horizon(KEEP_MS), '*', 'job', j, 'state', state)
  if h[1] ~= '' then
    put('SREM', P .. ':owned:' .. h[1], j)
    -- An inbox that takes no more belongs to a life that ends with its next beat.
    if by == '' then redis.pcall('XADD', P .. ':inbox:' .. h[1], '*', 'do', 'cancel', 'job', j, 'attempt', h[2] or '') end
    offer(h[1])
  end
end

-- A running job goes back: to the front of its class, or `behind` all that wait there, as if it came now. A give that
-- was never started is counted: past the bound the job ends.
local function requeue(j, by, why, behind)
  local k = job_key(j)
  local h = call('HMGET', k, 'owner', 'class', 'n', 'attempt', 'tenant')
  call('HSET', k, 'state', 'queued', 'owner', '', 'fence', '', 'by', by, 'note', why)
  mark(j, 'returned:' .. (h[4] or ''), why)
  put('SREM', P .. ':owned:' .. (h[1] or ''), j)
  local c = h[2] == CLASSES[1] and h[2] or CLASSES[2]
  if behind then
    local n = next_arrival()
    call('HSET', k, 'n', n, 'behind', 1)
    enqueue(j, c, h[5] or '', n)
  else
    call('ZADD', P .. ':front:' .. c, number(h[3], 0), j)
  end
  if last(j) ~= number(h[4]) and bump(k, 'unstarted', 1) >= MAX_UNSTARTED then
    dead_letter(j, 'never_started')
    terminal(j, 'failed', 'never_started', failure('never_started',
      'No worker could start this job in ' .. MAX_UNSTARTED .. ' attempts; look at the workers\' logs.'), '')
    return false
  end
  return true
end

-- One more started attempt was lost: the job ends when it has no try left.
local function charge(j, code, message)
  local tries = bump(job_key(j), 'tries', 1)
  if tries < number(call('HGET', job_key(j), 'max'), 1) then return end
  dead_letter(j, code)
  terminal(j, 'failed', code, failure(code, message), '')
end

-- Those that it owns. Where that set is no set any more, all that are not terminal are looked at.
local function owned_by(w)
  local jobs = redis.pcall('SMEMBERS', P .. ':owned:' .. w)
  if not jobs.err then return jobs end
  jobs = {}
  for _, e in ipairs(call('XRANGE', P .. ':demand', '-', '+')) do
    if e[2][1] == 'job' then jobs[#jobs + 1] = e[2][2] end
  end
  return jobs
end

-- Its jobs go back to the queue, charged where they had started, and nothing is left of it.
local function end_life(w)
  call('HDEL', P .. ':beats', w)
  call('ZREM', P .. ':idle', w)
  learn_loaded(w, '[]')
  for _, j in ipairs(owned_by(w)) do
    local h = peek('HMGET', job_key(j), 'state', 'owner', 'attempt')
    if h[1] == 'running' and h[2] == w then
      local started = last(j) == number(h[3])
      local queued = requeue(j, '', 'worker_lost')
      if queued and started then
        charge(j, 'worker_lost', 'The worker died while it ran this job, and no attempt is left.')
      end
    end
  end
  call('DEL', P .. ':worker:' .. w, P .. ':owned:' .. w, P .. ':inbox:' .. w)
end

-- A worker whose own keys hold what no script wrote can be given nothing: that life is over, and the job waits on.
local function give_or_end(j, w, m, affinity)
  if pcall(give, j, w, m, affinity) then return end
  redis.pcall('SREM', P .. ':owned:' .. w, j)
  local h = call('HMGET', job_key(j), 'class', 'n')
  call('HSET', job_key(j), 'state', 'queued', 'owner', '', 'fence', '')
  call('ZADD', P .. ':front:' .. (h[1] == CLASSES[1] and h[1] or CLASSES[2]), number(h[2], 0), j)
  end_life(w)
end

local function match()
  while true do
    local idle = freshest()
    if not idle[1] then return end
    local only = #idle == 2 and idle[1] or nil
    local j = next_job(only)
    if not j then return end
    local h = peek('HMGET', job_key(j), 'state', 'model', 'affinity')
    if h[1] == 'queued' then
      local m, affinity = h[2] or '', h[3] or ''
      give_or_end(j, only or best_worker(m, affinity, idle), m, affinity)
    else
      bury('queue', '', j) -- no job, or one that does not wait
    end
  end
end

-- A circuit as `trip` wrote it; nil for none.
local function circuit(name)
  local c = decoded(peek('HGET', P .. ':circuits', name) or '')
  if not c then return end
  if c.state ~= 'open' and c.state ~= 'half_open' then c.state = 'closed' end
  for _, field in ipairs({'failures', 'opened', 'probed'}) do c[field] = number(c[field], 0) end
  return c
end

-- Of the keys that all jobs share one of another type would fail every script; whatever it holds, it is none of ours.
local SHAPES = {
  demand = 'stream', finished = 'stream', dead = 'stream', due = 'zset', idle = 'zset', beats = 'hash', models = 'hash', seen = 'zset',
  circuits = 'hash', clock = 'hash', bytes = 'hash', arrivals = 'string',
  ['ring:interactive'] = 'zset', ['ring:batch'] = 'zset', ['front:interactive'] = 'zset', ['front:batch'] = 'zset',
}
local function restore_shapes()
  for name, shape in pairs(SHAPES) do
    local found = call('TYPE', P .. ':' .. name).ok
    if found ~= shape and found ~= 'none' then
      call('DEL', P .. ':' .. name)
      bury(name, '', '')
    end
  end
end
