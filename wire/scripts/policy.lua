-- The policy: which job is given next, and to which worker. `places.lua` and `wire/places.py` mirror the order in which
-- `next_job` takes jobs; a change of that order here is a change there.
local CLASSES = {'interactive', 'batch'} -- the most urgent first; `JobClass` in wire/records.py lists the same
local FRESH_MS = 5000           -- two beats and a margin: a worker that was seen since then missed no two beats
local CANDIDATES = 16           -- how many of the freshest idle workers are compared
local CLOSE = 8                 -- how many of a tenant's oldest jobs a freed worker chooses from
local PASS_OVER_MS = 2000       -- how long a job may be passed over, from the first time on: models take longer to load

-- The class of that name; the least urgent one for a name that no script wrote.
local function class_of(name)
  for _, c in ipairs(CLASSES) do
    if c == name then return c end
  end
  return CLASSES[#CLASSES]
end

-- Of a tenant's oldest jobs the first whose conversation this worker had last, else the first whose model it has
-- loaded, else the oldest. No job is taken before one that has been passed over for long enough, and a job that was put
-- behind others is never preferred.
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

-- A job of the tenant whose turn it is; nil where no job of this class waits.
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

-- The next job, taken out of its queue: classes by urgency, in each class the jobs that came back, then the tenants in
-- turn. `w`: the only worker that is free, which may choose among a tenant's oldest jobs; nil where several workers are
-- free, and the job chooses among them.
local function next_job(w)
  for _, c in ipairs(CLASSES) do
    local returned = call('ZPOPMIN', P .. ':front:' .. c)
    if returned[1] then return returned[1] end
    local j = next_of_a_tenant(c, w)
    if j then return j end
  end
end

-- The idle workers that were seen last, with their scores. A name that belongs to no living worker is taken out: a job
-- that was given to it would never be started.
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

-- The worker that had this conversation last, where that worker is idle, missed no two beats and still has the model.
local function warm_worker(affinity, m, fresh)
  local w = affinity ~= '' and peek('GET', P .. ':warm:' .. affinity)
  local seen = type(w) == 'string' and call('ZSCORE', P .. ':idle', w)
  if seen and tonumber(seen) >= fresh and call('SISMEMBER', P .. ':loaded:' .. w, m) == 1 then return w end
end

-- The idle workers that have the model, the freshest first: of `names`, or of all idle workers where none of `names`
-- has it and there are more.
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

-- The first of those that own fewest jobs.
local function least_busy(names)
  local best, fewest
  for _, w in ipairs(names) do
    local owned = call('SCARD', P .. ':owned:' .. w)
    if not fewest or owned < fewest then best, fewest = w, owned end
  end
  return best
end

-- The worker for a job where several are free. Of those that missed no two beats: the one that had this conversation
-- last, else of those that have the model, else of them all, the one that owns fewest jobs, the freshest at a tie.
-- Where all have missed beats, the freshest: no job waits while a worker is idle.
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

