-- The id of a room's last message. Where the counter was lost it is the highest that a member has seen or that is
-- stored: an id below that would hide its message from everybody who stands above it.
local function highestId(members, messages)
  local seen = redis.call('ZRANGE', members, '(inf', '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')[2]
  local stored = redis.call('ZRANGE', messages, -1, -1, 'WITHSCORES')[2]
  return math.max(tonumber(seen or 0), tonumber(stored or 0), 0)
end

local function lastId(members, ids, messages)
  local text = redis.call('GETRANGE', ids, 0, 31)
  if text == '' and redis.call('EXISTS', ids) == 0 then return highestId(members, messages) end
  local last = tonumber(string.match(text, '^%d+$'))
  if not last then error({ err = 'ERR value is not an integer or out of range' }) end
  return last
end
