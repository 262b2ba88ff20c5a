-- What a consumer does with its place in a channel. `holder_of` gives its cursor and its entry, or nothing when somebody
-- else took its place; `move_cursor` moves it up to a message, and removes the messages that everybody has seen.
-- keys: { who, members, messages, seen }, as the scripts that include this list them; seen is absent in Cluster
local function holder_of(keys, id, token)
  local cursor = redis.call('ZSCORE', keys.members, id)
  local stored = redis.call('HGET', keys.who, 'c:' .. id)
  local holder = stored and cjson.decode(stored)
  if not cursor or not holder or holder.token ~= token then return nil end
  return tonumber(cursor), holder
end

local function move_cursor(keys, room, id, holder, message)
  redis.call('ZADD', keys.members, 'XX', 'GT', message, id)
  if keys.seen then redis.call('ZADD', keys.seen, 'GT', message, room) end
  local slowest = redis.call('ZRANGE', keys.members, 0, 0, 'WITHSCORES')
  redis.call('ZREMRANGEBYSCORE', keys.messages, '-inf', slowest[2])
  local time = redis.call('TIME')
  holder.at = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', keys.who, 'c:' .. id, cjson.encode(holder))
  return holder.at
end
