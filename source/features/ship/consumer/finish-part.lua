-- Counts a part as finished by a consumer, once, and frees it when everybody expected has finished it. `stored` is its
-- entry in the ledger, or false. Returns the bytes freed, which the caller takes out of what is used; nil when this
-- consumer has finished it before, or nothing is there to be counted.
local function finish_part(keys, part, stored, consumer, id)
  local entry = stored and cjson.decode(stored)
  local isOurs = entry and entry.id == id
  if isOurs and entry.finished:find(' ' .. consumer .. ' ', 1, true) then return nil end
  -- One of a legacy (Redis in Action) sender is freed by that. Counting what is gone would spoil the next of that name.
  if not isOurs and (entry or redis.call('EXISTS', keys.data) == 0) then return nil end
  local _, want = (isOurs and entry.want or ''):gsub('%S+', '')
  -- Where it is the only one that is waited for, nobody needs to know the count.
  local count = isOurs and want == 1 and 1 or redis.call('INCR', keys.counter)
  if not isOurs then return 0 end
  if count < want then
    entry.finished = entry.finished .. consumer .. ' '
    redis.call('HSET', keys.parts, part, cjson.encode(entry))
    return 0
  end
  redis.call('DEL', keys.data, keys.counter)
  redis.call('HDEL', keys.parts, part)
  return entry.cost
end
