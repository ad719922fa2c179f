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
local function now() return raw() - tonumber(call('HGET', P .. ':clock', 'skew') or 0) end
local function stepped(at) return at ~= '' and math.abs(now() - tonumber(at)) > STEP_MS end
-- Streams are trimmed by Redis's own ids, so by raw time: a step can cost or save a day's old entries an hour.
local function horizon(ms) return string.format('%d', math.max(0, raw() - ms)) end
local function mark(j, what, detail) call('HSET', job_key(j), what, string.format('%d %s', now(), detail)) end

-- The fair queue: interrupted jobs first (by arrival), then tenants in turn, a tenant's jobs by arrival.
local function take_a_turn(c, t)
  local last = call('ZRANGE', P .. ':ring:' .. c, -1, -1, 'WITHSCORES')
  call('ZADD', P .. ':ring:' .. c, 'NX', tonumber(last[2] or 0) + 1, t)
end

local function enqueue(j, c, t, n)
  local q = P .. ':waiting:' .. c .. ':' .. t
  call('ZADD', q, n, j)
  if call('ZCARD', q) == 1 then take_a_turn(c, t) end
end

local function dequeue(j, c, t)
  if call('ZREM', P .. ':front:' .. c, j) == 1 then return end
  local q = P .. ':waiting:' .. c .. ':' .. t
  call('ZREM', q, j)
  if call('ZCARD', q) == 0 then call('ZREM', P .. ':ring:' .. c, t) end
end

-- What a worker has in memory, seen from both sides: `loaded:<worker>` are models, `holders:<model>` are workers.
local function hold(w, m)
  local new = call('SADD', P .. ':loaded:' .. w, m) == 1
  if new then call('SADD', P .. ':holders:' .. m, w) end
  return not new
end

local function let_go(w, m)
  call('SREM', P .. ':loaded:' .. w, m)
  call('SREM', P .. ':holders:' .. m, w)
end

-- `names`: all that it has loaded, as a JSON list; '': it does not say.
local function learn_loaded(w, names)
  if names == '' then return end
  local told = {}
  for _, m in ipairs(cjson.decode(names)) do
    told[m] = true
    hold(w, m)
  end
  for _, m in ipairs(call('SMEMBERS', P .. ':loaded:' .. w)) do
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
  if NOT_LOADED[code] then let_go(w, call('HGET', job_key(j), 'model')) end
end

-- Of a tenant's oldest jobs the first whose conversation this worker had last, else the first whose model it has
-- loaded, else the oldest. Nobody goes before a job that has been passed over for long enough, and one that went behind
-- others goes before nobody.
local function favourite(jobs, w)
  local models, warm, behind, t = {}, {}, {}, now()
  for i, j in ipairs(jobs) do
    local h = call('HMGET', job_key(j), 'model', 'affinity', 'passed', 'behind')
    models[i], warm[i], behind[i] = h[1], P .. ':warm:' .. (h[2] or ''), h[4]
    if h[3] and t - tonumber(h[3]) >= PASS_OVER_MS then break end
  end
  local loaded = call('SMISMEMBER', P .. ':loaded:' .. w, unpack(models))
  local had = call('MGET', unpack(warm))
  local warmest, nearest
  for i = #models, 1, -1 do
    local suits = loaded[i] == 1 and not behind[i]
    if suits then nearest = i end
    if suits and had[i] == w then warmest = i end
  end
  local chosen = warmest or nearest or 1
  for i = 1, chosen - 1 do call('HSETNX', job_key(jobs[i]), 'passed', t) end
  return jobs[chosen]
end

-- `w`: the only worker that is free, which may choose a little; nil where there are more, and the job will choose.
local function next_job(w)
  for _, c in ipairs(CLASSES) do
    local returned = call('ZPOPMIN', P .. ':front:' .. c)
    if returned[1] then return returned[1] end
    local t = call('ZPOPMIN', P .. ':ring:' .. c)[1]
    if t then
      local q = P .. ':waiting:' .. c .. ':' .. t
      local jobs = call('ZRANGE', q, 0, w and CLOSE - 1 or 0)
      local j = jobs[2] and favourite(jobs, w) or jobs[1]
      call('ZREM', q, j)
      if call('ZCARD', q) > 0 then take_a_turn(c, t) end
      return j
    end
  end
end

-- A worker is idle while it asks and owns fewer jobs than it has slots. Nothing counts free slots, so nothing drifts.
local function offer(w)
  local h = call('HMGET', P .. ':worker:' .. w, 'asking', 'slots', 'seen')
  if h[1] == '1' and call('SCARD', P .. ':owned:' .. w) < tonumber(h[2]) then
    call('ZADD', P .. ':idle', h[3], w)
  end
end

-- The worker that had this conversation last, if it is idle, missed no two beats and still has the model.
local function warm_worker(affinity, m, fresh)
  local w = affinity ~= '' and call('GET', P .. ':warm:' .. affinity)
  local seen = w and call('ZSCORE', P .. ':idle', w)
  if seen and tonumber(seen) >= fresh and call('SISMEMBER', P .. ':loaded:' .. w, m) == 1 then return w end
end

-- Those idle workers that have the model, the freshest first: of `names`, or of them all where none of so many has it.
local function idle_holders(names, m, fresh)
  local answer, holds = {}, call('SMISMEMBER', P .. ':holders:' .. m, unpack(names))
  for i, w in ipairs(names) do
    if holds[i] == 1 then answer[#answer + 1] = w end
  end
  if answer[1] or #names < CANDIDATES then return answer end
  local all = call('ZINTER', 2, P .. ':idle', P .. ':holders:' .. m, 'WEIGHTS', 1, 0, 'WITHSCORES')
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
local function best_worker(j, idle)
  local h, fresh, names = call('HMGET', job_key(j), 'model', 'affinity'), now() - FRESH_MS, {}
  for i = 1, #idle, 2 do
    if tonumber(idle[i + 1]) >= fresh then names[#names + 1] = idle[i] end
  end
  if not names[1] then return idle[1] end
  local w = warm_worker(h[2] or '', h[1], fresh)
  if w then return w end
  local holders = idle_holders(names, h[1], fresh)
  return least_busy(holders[1] and holders or names)
end

-- Counts the lives of the server itself. One that restarted or took over may have forgotten a give, and its attempt's
-- number with it: given again under that number, a new attempt's events would pass for the old one's.
local function count_epochs()
  local run = string.match(call('INFO', 'server'), 'run_id:(%x+)')
  local h = call('HMGET', P .. ':clock', 'run', 'epoch')
  if h[1] == run then return tonumber(h[2]) end
  call('HSET', P .. ':clock', 'run', run)
  return call('HINCRBY', P .. ':clock', 'epoch', 1)
end

local counted -- INFO is the dearest call here (15 µs): one look a script is enough
local function epoch()
  counted = counted or count_epochs()
  return counted
end

local function next_attempt(j)
  local e = epoch()
  local lives = e - tonumber(call('HGET', job_key(j), 'epoch') or e)
  if lives > 0 then call('HSET', job_key(j), 'epoch', e) end
  return call('HINCRBY', job_key(j), 'attempt', 1 + lives * EPOCH_ATTEMPTS)
end

local arriving -- the job that this script lets in, if it does

-- How this job found its worker; from now on it is expected to hold model and conversation.
local function route(j, w, m, affinity)
  local held = hold(w, m)
  local had = affinity ~= '' and call('SET', P .. ':warm:' .. affinity, w, 'PX', WARM_MS, 'GET')
  if held then return had == w and 'warm' or 'loaded' end
  return j == arriving and 'idle' or 'queue'
end

local function give(j, w)
  local a, h = next_attempt(j), call('HMGET', job_key(j), 'model', 'affinity')
  call('HSET', job_key(j), 'state', 'running', 'owner', w, 'fence', a .. '@' .. w, 'note', '',
    'route', route(j, w, h[1], h[2] or ''))
  mark(j, 'given:' .. a, w)
  call('SADD', P .. ':owned:' .. w, j)
  if call('SCARD', P .. ':owned:' .. w) >= tonumber(call('HGET', P .. ':worker:' .. w, 'slots')) then
    call('ZREM', P .. ':idle', w)
  end
  call('XADD', P .. ':inbox:' .. w, '*', 'do', 'run', 'job', j, 'attempt', a, 'model', h[1])
end

local function match()
  while true do
    local idle = call('ZREVRANGE', P .. ':idle', 0, CANDIDATES - 1, 'WITHSCORES')
    if not idle[1] then return end
    local only = #idle == 2 and idle[1] or nil
    local j = next_job(only)
    if not j then return end
    give(j, only or best_worker(j, idle))
  end
end

local function last(j)
  local e = call('XREVRANGE', P .. ':events:' .. j, '+', '-', 'COUNT', 1)[1]
  if not e then return 0, 0 end
  local a, s = string.match(e[1], '(%d+)-(%d+)')
  return tonumber(a), tonumber(s)
end

local function dead_letter(j, why)
  call('XADD', P .. ':dead', 'MINID', '~', horizon(DEAD_KEEP_MS), '*', 'job', j, 'why', why)
end

-- `type` comes first in every event (docs/protocol.md): readers tell tokens from the rest without parsing.
local function event(kind, fields) return '{"type":"' .. kind .. '",' .. string.sub(cjson.encode(fields), 2) end
local function failure(code, message) return event('failed', {code = code, message = message, retryable = true}) end

-- The id of an end that the owner did not write: behind the log's last. In an empty log it is `0-1`, or the first id
-- behind all that the job said in the pool which it came from.
local function end_id(j, base)
  local a, s = last(j)
  if a == 0 and base > 0 then return (base + 1) .. '-0' end
  return a .. '-' .. (s + 1)
end

-- The one way a job ends. `by`, `id`: the fence of the owner that ended it and its event's id; '' and nil when somebody
-- else did; then the owner is told to stop.
local function terminal(j, state, why, body, by, id)
  local k = job_key(j)
  local h = call('HMGET', k, 'owner', 'attempt', 'class', 'tenant', 'entry', 'state', 'base', 'keep')
  local keep = h[8] or KEEP_MS -- absent: an older version let it in
  id = id or end_id(j, tonumber(h[7] or 0))
  call('XADD', P .. ':events:' .. j, id, 'e', body)
  call('PUBLISH', P .. ':live:' .. j, id .. ' ' .. body)
  if h[6] == 'queued' then dequeue(j, h[3], h[4]) end
  call('XDEL', P .. ':demand', h[5])
  call('ZREM', P .. ':due', j)
  call('HSET', k, 'state', state, 'owner', '', 'fence', '', 'note', '', 'why', why, 'by', by, 'end', id)
  mark(j, 'ended', state)
  call('PEXPIRE', k, keep)
  call('PEXPIRE', P .. ':events:' .. j, keep)
  call('XADD', P .. ':finished', 'MINID', '~', horizon(KEEP_MS), '*', 'job', j, 'state', state)
  if h[1] ~= '' then
    call('SREM', P .. ':owned:' .. h[1], j)
    if by == '' then call('XADD', P .. ':inbox:' .. h[1], '*', 'do', 'cancel', 'job', j, 'attempt', h[2]) end
    offer(h[1])
  end
end

-- A running job goes back: to the front of its class, or `behind` all that wait there, as if it came now. A give that
-- was never started is counted: past the bound the job ends.
local function requeue(j, by, why, behind)
  local k = job_key(j)
  local h = call('HMGET', k, 'owner', 'class', 'n', 'attempt', 'tenant')
  call('HSET', k, 'state', 'queued', 'owner', '', 'fence', '', 'by', by, 'note', why)
  mark(j, 'returned:' .. h[4], why)
  call('SREM', P .. ':owned:' .. h[1], j)
  if behind then
    local n = call('INCR', P .. ':arrivals')
    call('HSET', k, 'n', n, 'behind', 1)
    enqueue(j, h[2], h[5], n)
  else
    call('ZADD', P .. ':front:' .. h[2], h[3], j)
  end
  if last(j) ~= tonumber(h[4]) and call('HINCRBY', k, 'unstarted', 1) >= MAX_UNSTARTED then
    dead_letter(j, 'never_started')
    terminal(j, 'failed', 'never_started', failure('never_started',
      'No worker could start this job in ' .. MAX_UNSTARTED .. ' attempts; look at the workers\' logs.'), '')
    return false
  end
  return true
end

-- One more started attempt was lost: the job ends when it has no try left.
local function charge(j, code, message)
  local tries = call('HINCRBY', job_key(j), 'tries', 1)
  if tries < tonumber(call('HGET', job_key(j), 'max')) then return end
  dead_letter(j, code)
  terminal(j, 'failed', code, failure(code, message), '')
end
