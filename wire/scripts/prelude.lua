local CLASSES = {'interactive', 'batch'}
local STEP_MS = 2000            -- a clock off by more than this has been stepped
local FRESH_MS = 5000           -- two beats and a margin: a worker seen since then missed no two
local CANDIDATES = 16           -- how many of the freshest idle workers are compared
local MAX_UNSTARTED = 20        -- gives that no worker ever started: the job is a poison of its own kind
local EPOCH_ATTEMPTS = 1000     -- numbers skipped for each restart of Redis that a job lives through
local KEEP_MS = 86400000        -- ledger entries live a day after a job's end
local DEAD_KEEP_MS = 604800000  -- dead letters live a week

local function job_key(j) return P .. ':job:' .. j end
local function now() return raw() - tonumber(call('HGET', P .. ':clock', 'skew') or 0) end
local function stepped(at) return at ~= '' and math.abs(now() - tonumber(at)) > STEP_MS end
-- Streams are trimmed by Redis's own ids, so by raw time: a step can cost or save a day's old entries an hour.
local function horizon(ms) return string.format('%d', math.max(0, raw() - ms)) end
local function mark(j, what, detail) call('HSET', job_key(j), what, string.format('%d %s', now(), detail)) end

-- The fair queue: returned jobs first (by arrival), then tenants in turn, a tenant's jobs by arrival.
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

local function next_job()
  for _, c in ipairs(CLASSES) do
    local returned = call('ZPOPMIN', P .. ':front:' .. c)
    if returned[1] then return returned[1] end
    local t = call('ZPOPMIN', P .. ':ring:' .. c)[1]
    if t then
      local q = P .. ':waiting:' .. c .. ':' .. t
      local j = call('ZPOPMIN', q)[1]
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

-- The policy: among the workers that missed no two beats the one that owns fewest jobs, the freshest at a tie;
-- where all have missed some, the freshest: no job waits while a worker is idle.
local function best_worker()
  local idle = call('ZREVRANGE', P .. ':idle', 0, CANDIDATES - 1, 'WITHSCORES')
  if #idle <= 2 then return idle[1] end
  local fresh, best, fewest = now() - FRESH_MS, idle[1], nil
  for i = 1, #idle, 2 do
    if tonumber(idle[i + 1]) < fresh then break end
    local owned = call('SCARD', P .. ':owned:' .. idle[i])
    if not fewest or owned < fewest then best, fewest = idle[i], owned end
  end
  return best
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

local function give(j, w)
  local a = next_attempt(j)
  call('HSET', job_key(j), 'state', 'running', 'owner', w, 'fence', a .. '@' .. w, 'note', '')
  mark(j, 'given:' .. a, w)
  call('SADD', P .. ':owned:' .. w, j)
  if call('SCARD', P .. ':owned:' .. w) >= tonumber(call('HGET', P .. ':worker:' .. w, 'slots')) then
    call('ZREM', P .. ':idle', w)
  end
  call('XADD', P .. ':inbox:' .. w, '*', 'do', 'run', 'job', j, 'attempt', a, 'model', call('HGET', job_key(j), 'model'))
end

local function match()
  while true do
    local w = best_worker()
    if not w then return end
    local j = next_job()
    if not j then return end
    give(j, w)
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

-- A running job goes back to the front of its class. A give that was never started is counted: past the bound it ends.
local function requeue(j, by, why)
  local k = job_key(j)
  local h = call('HMGET', k, 'owner', 'class', 'n', 'attempt')
  call('HSET', k, 'state', 'queued', 'owner', '', 'fence', '', 'by', by, 'note', why)
  mark(j, 'returned:' .. h[4], why)
  call('SREM', P .. ':owned:' .. h[1], j)
  call('ZADD', P .. ':front:' .. h[2], h[3], j)
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
