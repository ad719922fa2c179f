-- The models of a pool: which worker has which in memory, and which were seen last.
local MODELS_KEPT = 2000        -- of those last seen; a pool of a hundred engines has fewer
local HANDFUL = 200             -- of an older version's models that one call looks at

-- A worker has a model in memory, which is written from both sides: `loaded:<worker>` holds models, `holders:<model>`
-- holds workers. True where that was known.
local function hold(w, m)
  local new = put('SADD', P .. ':loaded:' .. w, m) == 1
  if new then put('SADD', P .. ':holders:' .. m, w) end
  return not new
end

local function let_go(w, m)
  put('SREM', P .. ':loaded:' .. w, m)
  put('SREM', P .. ':holders:' .. m, w)
end

-- `names`: every model that the worker has loaded, as a JSON list; '': it has not looked.
local function learn_loaded(w, names)
  local list = decoded(names)
  if not list then return end
  local loaded = {}
  for _, m in ipairs(list) do
    if type(m) == 'string' then
      loaded[m] = true
      hold(w, m)
    end
  end
  for _, m in ipairs(peek('SMEMBERS', P .. ':loaded:' .. w)) do
    if not loaded[m] then let_go(w, m) end
  end
end

-- `ARGV` from `first` on: a model's name and a worker's description of it, in turn. `seen` scores each name by the last
-- time that a worker described the model.
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

-- Models that an older version's script wrote have no time in `seen`: they get the present one while there is room for
-- them. A handful at a time, because there may be any number.
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

-- Forgets models that no worker has described for a day, and the oldest of too many, `limit` at a time.
local function sweep_models(limit)
  if call('HLEN', P .. ':models') > call('ZCARD', P .. ':seen') then time_models() end
  forget_models(call('ZRANGE', P .. ':seen', '-inf', now() - KEEP_MS, 'BYSCORE', 'LIMIT', 0, limit))
  local over = call('ZCARD', P .. ':seen') - MODELS_KEPT
  if over > 0 then forget_models(call('ZRANGE', P .. ':seen', 0, math.min(over, limit) - 1)) end
end

-- A give counts as loading. An attempt that ends with one of these codes shows that its worker does not hold the model.
-- Such a worker is free again soon, and would otherwise draw every job of that model to itself.
local NOT_LOADED = {model_not_found = true, out_of_memory = true, rerouted = true}
local function forget_loading(j, w, code)
  if NOT_LOADED[code] then let_go(w, call('HGET', job_key(j), 'model') or '') end
end

