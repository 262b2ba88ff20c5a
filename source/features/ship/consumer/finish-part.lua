-- Counts a part as finished by a consumer, once, and frees it when everybody expected has finished it.
-- Returns the bytes freed; nil when this consumer has finished it before, or nothing is there to be counted.
local function finish_part(keys, part, consumer, id)
  local stored = redis.call('HGET', keys.parts, part)
  local entry = stored and cjson.decode(stored)
  local isOurs = entry and entry.id == id
  if isOurs and entry.finished:find(' ' .. consumer .. ' ', 1, true) then return nil end
  -- One that follows the book is freed by its own shipper. Counting what is gone would spoil the next of that name.
  if not isOurs and (entry or redis.call('EXISTS', keys.data) == 0) then return nil end
  local count = redis.call('INCR', keys.counter)
  if not isOurs then return 0 end
  local _, want = entry.want:gsub('%S+', '')
  if count < want then
    entry.finished = entry.finished .. consumer .. ' '
    redis.call('HSET', keys.parts, part, cjson.encode(entry))
    return 0
  end
  redis.call('DEL', keys.data, keys.counter)
  redis.call('HDEL', keys.parts, part)
  redis.call('HINCRBY', keys.settings, 'used', -entry.cost)
  return entry.cost
end
