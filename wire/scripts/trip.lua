-- Counts one more failure in a row. ARGV: engine|model reason job -> closed | open | half_open: the circuit's state now
-- `job`: the job whose own request may be to blame; '' or absent: the engine is to blame. Such a job counts once,
-- however often it is tried, and few jobs of one tenant never open a circuit for the others: they count one less than
-- opens it. Twice as many of them without an answer in between do open it: then the engine is to blame after all.
local OPEN_AT, ALONE_AT = 5, 10
local k = P .. ':circuits'
local c = circuit(ARGV[1]) or {state = 'closed', failures = 0, opened = 0, probed = 0}

local function counts(j)
  if j == '' or c.state ~= 'closed' then return true end
  local t = peek('HGET', job_key(j), 'tenant')
  if type(t) ~= 'string' then t = '' end
  if type(c.blamed) ~= 'table' then c.blamed = {} end
  local jobs = type(c.blamed[t]) == 'table' and c.blamed[t] or {}
  for _, known in ipairs(jobs) do
    if known == j then return false end
  end
  jobs[#jobs + 1] = j
  c.blamed[t] = jobs
  return #jobs < OPEN_AT or #jobs >= ALONE_AT
end

if counts(ARGV[3] or '') then
  c.failures, c.reason = c.failures + 1, ARGV[2]
  if c.state == 'half_open' or (c.state == 'closed' and c.failures >= OPEN_AT) then c.state, c.opened = 'open', now() end
end
call('HSET', k, ARGV[1], cjson.encode(c))
call('PEXPIRE', k, KEEP_MS) -- a failure that has not occurred for a day is over
return c.state
