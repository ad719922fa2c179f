-- How the scripts read keys into which any worker may have written anything. A script that fails half-way is not rolled
-- back: the jobs that it had taken out of the queue would be lost. So nothing that lies in a key may fail a script.
local FUTURE_MS = 86400000 -- no clock gives an id that lies further ahead than a day

-- A whole number; `absent` for a field that holds none, or one that Lua would write as 1e+14.
local function number(field, absent)
  local n = tonumber(field or nil)
  if n and n == math.floor(n) and math.abs(n) < 1e14 then return n end
  return absent
end

-- A command's answer; {} where its key has another type than this protocol gives it, as if the key were empty.
local function peek(...)
  local answer = redis.pcall(...)
  return type(answer) == 'table' and answer.err and {} or answer
end

-- Writes to a key. One that has another type is deleted first.
local function put(command, key, ...)
  local answer = redis.pcall(command, key, ...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if string.sub(answer.err, 1, 9) ~= 'WRONGTYPE' then return error(answer) end
  call('DEL', key)
  return call(command, key, ...)
end

-- Adds to a counter in a hash. A field that holds no number begins anew at `by`.
local function bump(key, field, by)
  local n = number(redis.pcall('HINCRBY', key, field, by))
  if n then return n end
  call('HSET', key, field, by)
  return by
end

-- The object or list of a JSON text; nil for a text that does not decode to one.
local function decoded(text)
  local fine, value = pcall(cjson.decode, text)
  return fine and type(value) == 'table' and value or nil
end

-- Appends an entry under an id of Redis's own. A stream whose last id no script gave may have no id left: it is made
-- anew with those of its entries that do not lie in the future. (XSETID cannot set an id before one that was ever
-- deleted.)
local function append(key, ...)
  local added = redis.pcall('XADD', key, ...)
  if type(added) ~= 'table' then return added end
  if not string.find(added.err, 'exhausted', 1, true) and not string.find(added.err, 'equal or smaller', 1, true) then
    return error(added)
  end
  local entries = call('XRANGE', key, '-', string.format('%d', raw() + FUTURE_MS))
  call('DEL', key)
  for _, e in ipairs(entries) do
    if #e[2] <= 100 then call('XADD', key, e[1], unpack(e[2])) end -- `unpack` has a limit; a script's entries are short
  end
  return call('XADD', key, ...)
end

