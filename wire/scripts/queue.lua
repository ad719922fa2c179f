-- The queue of a pool: arrival numbers, the tenants' turns, and the bytes of all requests in it.
local STEP_MS = 2000            -- a clock that is off by more has been stepped
local KEEP_MS = 86400000        -- records and logs live a day after their job's end
local DEAD_KEEP_MS = 604800000  -- dead letters live a week

local function job_key(j) return P .. ':job:' .. j end

local function now() return raw() - number(peek('HGET', P .. ':clock', 'skew'), 0) end
local function stepped(at) return at ~= '' and math.abs(now() - tonumber(at)) > STEP_MS end
-- The id before which a stream's entries are trimmed. Ids are Redis's own and so in raw time: a step of the clock by an
-- hour trims entries an hour too early or too late.
local function horizon(ms) return string.format('%d', math.max(0, raw() - ms)) end

-- An entry that does not decode becomes a dead letter.
local function bury(stream, entry, j)
  append(P .. ':dead', 'MINID', '~', horizon(DEAD_KEEP_MS), '*', 'job', j, 'why', 'undecodable', 'stream', stream, 'entry', entry)
end

-- Notes the instant of `what` in the job's timeline.
local function mark(j, what, detail) call('HSET', job_key(j), what, string.format('%d %s', now(), detail)) end

-- The number of a job that arrives now. A counter that holds no number begins anew at the present millisecond, which is
-- more than any number that it can have reached.
local function next_arrival()
  local n = number(redis.pcall('INCR', P .. ':arrivals'))
  if n then return n end
  n = now()
  call('SET', P .. ':arrivals', string.format('%d', n))
  return n
end

-- Puts a tenant at the end of the ring, where it is not in it yet.
local function take_a_turn(c, t)
  local last = call('ZRANGE', P .. ':ring:' .. c, -1, -1, 'WITHSCORES')
  call('ZADD', P .. ':ring:' .. c, 'NX', (tonumber(last[2]) or 0) + 1, t)
end

-- A job waits behind the other jobs of its tenant.
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

-- Adds to the bytes of the requests of all jobs that are not terminal. A script of an older version never subtracts, so
-- the sum may be too high.
local function weigh(bytes)
  if bytes ~= 0 and bump(P .. ':bytes', 'total', bytes) <= 0 then call('DEL', P .. ':bytes') end
end

-- Before a job is refused for the sum, the bytes are counted anew, once a second at most.
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

