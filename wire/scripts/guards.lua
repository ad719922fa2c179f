local FUTURE_MS = 86400000 -- an id that lies further ahead than a day is no clock's

-- Any worker may write anything into these keys, and a script that fails half-way is not rolled back: what it had taken
-- out of the queue would be lost. So a field that is no whole number, or one that Lua would write as 1e+14, is `absent`,
local function number(field, absent)
  local n = tonumber(field or nil)
  if n and n == math.floor(n) and math.abs(n) < 1e14 then return n end
  return absent
end

-- a key of another type than this protocol gives it is read as if it were empty,
local function peek(...)
  local answer = redis.pcall(...)
  return type(answer) == 'table' and answer.err and {} or answer
end

-- and made anew when it is written.
local function put(command, key, ...)
  local answer = redis.pcall(command, key, ...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if string.sub(answer.err, 1, 9) ~= 'WRONGTYPE' then return error(answer) end
  call('DEL', key)
  return call(command, key, ...)
end

-- A counter in a hash; one that holds no number begins anew.
local function bump(key, field, by)
  local n = number(redis.pcall('HINCRBY', key, field, by))
  if n then return n end
  call('HSET', key, field, by)
  return by
end

-- What a JSON text says, nil for one that says nothing.
local function decoded(text)
  local fine, value = pcall(cjson.decode, text)
  return fine and type(value) == 'table' and value or nil
end

-- An entry with an id of Redis's own. A stream whose last id no script gave may have none left: it is made anew with
-- those of its entries that are not of the future. (No XSETID: it goes behind no id that was ever deleted.)
local function append(key, ...)
  local added = redis.pcall('XADD', key, ...)
  if type(added) ~= 'table' then return added end
  if not string.find(added.err, 'exhausted', 1, true) and not string.find(added.err, 'equal or smaller', 1, true) then
    return error(added)
  end
  local entries = call('XRANGE', key, '-', string.format('%d', raw() + FUTURE_MS))
  call('DEL', key)
  for _, e in ipairs(entries) do
    if #e[2] <= 100 then call('XADD', key, e[1], unpack(e[2])) end -- ours have a few fields, and `unpack` has a limit
  end
  return call('XADD', key, ...)
end

