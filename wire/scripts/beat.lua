-- ARGV: incarnation inbox_from info loaded models... -> {beat, owned...} | {0}: this life is over
-- `inbox_from`: the id after the last entry read, '' for none; `info`: '' when nothing changed;
-- `loaded`: '' when it has not looked.
local w = ARGV[1]
local function answer()
  local n, t = call('HINCRBY', P .. ':beats', w, 1), now()
  call('HSET', P .. ':worker:' .. w, 'seen', t)
  if ARGV[3] ~= '' then call('HSET', P .. ':worker:' .. w, 'info', ARGV[3]) end
  learn_loaded(w, ARGV[4])
  learn_models(5)
  call('ZADD', P .. ':idle', 'XX', t, w)
  if ARGV[2] ~= '' then call('XTRIM', P .. ':inbox:' .. w, 'MINID', ARGV[2]) end
  local jobs = call('SMEMBERS', P .. ':owned:' .. w)
  table.insert(jobs, 1, n)
  return jobs
end

-- A beat that fails half-way would count, and its worker never hear of it: nobody reaps such a life, and nobody gets
-- anything from it. So a life whose keys hold what no script wrote is over, as is one that lost its beat or its slots.
local whole = call('HEXISTS', P .. ':beats', w) == 1 and number(peek('HGET', P .. ':worker:' .. w, 'slots'), 0) > 0
local fine, jobs = pcall(whole and answer or error)
if fine then return jobs end
if call('EXISTS', P .. ':worker:' .. w, P .. ':owned:' .. w) > 0 or call('HEXISTS', P .. ':beats', w) == 1 then
  end_life(w)
  match()
end
return {0}
