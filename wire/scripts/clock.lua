local P = KEYS[1]
local call = redis.call

-- Milliseconds by Redis's wall clock, which may be stepped; now() in queue.lua corrects it by `skew`.
local function raw()
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
