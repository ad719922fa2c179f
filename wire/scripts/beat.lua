-- ARGV: incarnation inbox_from info loaded models... -> {beat, owned...} | {0}: this life is over
-- `inbox_from`: the id after the last entry that the worker has read, '' where it has read none; `info`: '' where
-- nothing changed; `loaded`: '' where the worker has not looked.
local w = ARGV[1]

-- The jobs that the worker owns by their own records as well. Any other entry of the set is taken out: it would fill a
-- slot for ever.
local function owned()
  local jobs, freed = {}, false
  for _, j in ipairs(call('SMEMBERS', P .. ':owned:' .. w)) do
    local h = peek('HMGET', job_key(j), 'state', 'owner', 'fence', 'attempt')
    local running = h[1] == 'running' and h[2] == w
    if running and h[3] == (h[4] or '') .. '@' .. w then
      jobs[#jobs + 1] = j
    else
      freed = true
      call('SREM', P .. ':owned:' .. w, j)
      if running then requeue(j, '', 'order_lost') end
    end
  end
  if freed then
    offer(w)
    match()
  end
  return freed and call('SMEMBERS', P .. ':owned:' .. w) or jobs
end

local function answer()
  local n, t = call('HINCRBY', P .. ':beats', w, 1), now()
  call('HSET', P .. ':worker:' .. w, 'seen', t)
  if ARGV[3] ~= '' then call('HSET', P .. ':worker:' .. w, 'info', ARGV[3]) end
  learn_loaded(w, ARGV[4])
  learn_models(5)
  call('ZADD', P .. ':idle', 'XX', t, w)
  if ARGV[2] ~= '' then call('XTRIM', P .. ':inbox:' .. w, 'MINID', ARGV[2]) end
  if not call('ZSCORE', P .. ':idle', w) then -- a worker that asks is idle again, whatever took it out
    offer(w)
    match()
  end
  local jobs = owned()
  table.insert(jobs, 1, n)
  return jobs
end

-- A beat that fails half-way would count although its worker gets no answer: such a life would never be reaped, and
-- would never work. So a life whose keys hold what no script wrote is over, as is a life that lost its beat or its
-- slots.
local whole = call('HEXISTS', P .. ':beats', w) == 1 and number(peek('HGET', P .. ':worker:' .. w, 'slots'), 0) > 0
local fine, jobs = pcall(whole and answer or error)
if fine then return jobs end
if call('EXISTS', P .. ':worker:' .. w, P .. ':owned:' .. w) > 0 or call('HEXISTS', P .. ':beats', w) == 1 then
  end_life(w)
  match()
end
return {0}
