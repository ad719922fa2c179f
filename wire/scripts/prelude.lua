-- What the scripts of jobs and workers share: how a job is given, ended and returned, and how a life ends.
local WARM_MS = 600000          -- how long a worker is expected to remember a conversation: engines do not report it
local MAX_UNSTARTED = 20        -- gives that no worker ever started: the job itself prevents it
local EPOCH_ATTEMPTS = 1000     -- numbers skipped for each restart of Redis that a job lives through

-- A worker is idle while it asks and owns fewer jobs than it has slots. No counter of free slots exists that could
-- drift.
local function offer(w)
  local h = peek('HMGET', P .. ':worker:' .. w, 'asking', 'slots', 'seen')
  if h[1] == '1' and number(peek('SCARD', P .. ':owned:' .. w), 0) < number(h[2], 0) then
    call('ZADD', P .. ':idle', number(h[3], 0), w)
  end
end

-- Counts the lives of the server itself. A server that restarted or took over may have forgotten a give, and with it
-- the number of that attempt: were the number given again, a new attempt's events would be taken for the old attempt's.
local function count_epochs()
  local run = string.match(call('INFO', 'server'), 'run_id:(%x+)')
  local h = call('HMGET', P .. ':clock', 'run', 'epoch')
  if h[1] == run then return number(h[2], 1) end
  call('HSET', P .. ':clock', 'run', run)
  return bump(P .. ':clock', 'epoch', 1)
end

local counted -- INFO is the dearest call here (15 µs), so a script calls it once
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

local arriving -- the job that this script accepts; nil in all scripts but `accept`

-- How this job found its worker. From now on the worker is expected to hold the model and the conversation.
local function route(j, w, m, affinity)
  local held = hold(w, m)
  local had = affinity ~= '' and put('SET', P .. ':warm:' .. affinity, w, 'PX', WARM_MS, 'GET')
  if held then return had == w and 'warm' or 'loaded' end
  return j == arriving and 'idle' or 'queue'
end

-- Makes `w` the owner of the job. The commands that can fail come first, while the job is still as it was.
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

-- Attempt and seq of the last entry in the job's log; 0 and 0 for an empty log.
local function last(j)
  local e = peek('XREVRANGE', P .. ':events:' .. j, '+', '-', 'COUNT', 1)[1]
  if not e then return 0, 0 end
  local a, s = string.match(e[1], '(%d+)-(%d+)')
  return tonumber(a), tonumber(s)
end

-- Writes an event to the job's log and to its readers. A log that refuses the event holds an id that no script gave: it
-- is replaced, and its readers find that the log was lost.
local function log_event(j, id, body)
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

-- `type` comes first in every event (docs/protocol.md): readers recognise tokens without parsing.
local function event(kind, fields) return '{"type":"' .. kind .. '",' .. string.sub(cjson.encode(fields), 2) end
local function failure(code, message) return event('failed', {code = code, message = message, retryable = true}) end

-- The id of a terminal event that the owner did not write: the one after the log's last. In an empty log it is `0-1`,
-- or for a job that came from another pool the first id after all its events there.
local function end_id(j, base)
  local a, s = last(j)
  if a == 0 and base > 0 then return (base + 1) .. '-0' end
  if not number(a) or not number(s + 1) then return '0-1' end -- no script gave that id: the log is replaced
  return a .. '-' .. (s + 1)
end

-- The one way in which a job ends. `by`, `id`: the fence of the owner that ended it, and the id of its event; '' and
-- nil where the owner did not end it, and then the owner gets an order to stop.
local function terminal(j, state, why, body, by, id)
  local k = job_key(j)
  local h = call('HMGET', k, 'owner', 'attempt', 'class', 'tenant', 'entry', 'state', 'base', 'keep', 'outline', 'bytes')
  local keep = math.max(1, number(h[8], KEEP_MS)) -- absent: an older version accepted the job
  h[1] = h[1] or ''
  id = id or end_id(j, number(h[7], 0))
  log_event(j, id, body)
  if h[6] == 'queued' then dequeue(j, h[3] or '', h[4] or '') end
  redis.pcall('XDEL', P .. ':demand', h[5] or '') -- where that is no id, `expire` sweeps the entry
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
    -- An inbox that refuses entries belongs to a life that ends with its next beat.
    if by == '' then redis.pcall('XADD', P .. ':inbox:' .. h[1], '*', 'do', 'cancel', 'job', j, 'attempt', h[2] or '') end
    offer(h[1])
  end
end

-- A running job goes back: to the front of its class, or `behind` all jobs that wait there, as if it arrived now. A
-- give that was never started is counted, and at the bound the job ends. False: it has ended.
local function requeue(j, by, why, behind)
  local k = job_key(j)
  local h = call('HMGET', k, 'owner', 'class', 'n', 'attempt', 'tenant')
  call('HSET', k, 'state', 'queued', 'owner', '', 'fence', '', 'by', by, 'note', why)
  mark(j, 'returned:' .. (h[4] or ''), why)
  put('SREM', P .. ':owned:' .. (h[1] or ''), j)
  local c = class_of(h[2])
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

-- A started attempt was lost or failed: the job ends when it has no try left.
local function charge(j, code, message)
  local tries = bump(job_key(j), 'tries', 1)
  if tries < number(call('HGET', job_key(j), 'max'), 1) then return end
  dead_letter(j, code)
  terminal(j, 'failed', code, failure(code, message), '')
end

-- The jobs that a worker owns. Where another type stands in place of that set: all jobs that are not terminal.
local function owned_by(w)
  local jobs = redis.pcall('SMEMBERS', P .. ':owned:' .. w)
  if not jobs.err then return jobs end
  jobs = {}
  for _, e in ipairs(call('XRANGE', P .. ':demand', '-', '+')) do
    if e[2][1] == 'job' then jobs[#jobs + 1] = e[2][2] end
  end
  return jobs
end

-- Ends a worker's life: its jobs go back to the queue, charged where they had started, and none of its keys is left.
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

-- Gives the job, or ends the worker's life where the give fails: its keys hold what no script wrote. The job waits on.
local function give_or_end(j, w, m, affinity)
  if pcall(give, j, w, m, affinity) then return end
  redis.pcall('SREM', P .. ':owned:' .. w, j)
  local h = call('HMGET', job_key(j), 'class', 'n')
  call('HSET', job_key(j), 'state', 'queued', 'owner', '', 'fence', '')
  call('ZADD', P .. ':front:' .. class_of(h[1]), number(h[2], 0), j)
  end_life(w)
end

-- Brings waiting jobs and idle workers together until one side has none.
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
      bury('queue', '', j) -- it is no job, or does not wait
    end
  end
end

-- A circuit as `trip` wrote it; nil where there is none.
local function circuit(name)
  local c = decoded(peek('HGET', P .. ':circuits', name) or '')
  if not c then return end
  if c.state ~= 'open' and c.state ~= 'half_open' then c.state = 'closed' end
  for _, field in ipairs({'failures', 'opened', 'probed'}) do c[field] = number(c[field], 0) end
  return c
end

-- The type of each key that all jobs share. A key of another type would fail every script, so it is deleted.
local SHAPES = {
  demand = 'stream', finished = 'stream', dead = 'stream', due = 'zset', idle = 'zset', beats = 'hash', models = 'hash', seen = 'zset',
  circuits = 'hash', clock = 'hash', bytes = 'hash', arrivals = 'string',
}
for _, c in ipairs(CLASSES) do SHAPES['ring:' .. c], SHAPES['front:' .. c] = 'zset', 'zset' end
local function restore_shapes()
  for name, shape in pairs(SHAPES) do
    local kind = call('TYPE', P .. ':' .. name).ok
    if kind ~= shape and kind ~= 'none' then
      call('DEL', P .. ':' .. name)
      bury(name, '', '')
    end
  end
end
