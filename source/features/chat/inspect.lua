#!lua flags=no-writes
-- Who is in each room, how far they have read, and how much is stored. In Cluster one room at a time.
-- KEYS[1] members: zset member -> id of the last message seen; each room gives three keys
-- KEYS[2] ids: counter of the room's messages
-- KEYS[3] messages: zset JSON -> id
-- ARGV[1] limit: tell of at most so many members of each room, those furthest behind first; -1: of all
-- ARGV[2] always: tell of this member too, if there
-- Reply: for each room {last id, messages stored, number of members, {member, cursor, unread, ...}}; false if it is gone; the name of a key of another type
local limit = tonumber(ARGV[1])

local function failed(reply)
  return type(reply) == 'table' and reply.err
end

local function unread_by_member(members, messages)
  local figures, told, unread = {}, {}, {}
  for i = 1, #members, 2 do
    local name, cursor = members[i], members[i + 1]
    if not told[name] then
      told[name] = true
      unread[cursor] = unread[cursor] or redis.call('ZCOUNT', messages, '(' .. cursor, '+inf')
      figures[#figures + 1] = name
      figures[#figures + 1] = cursor
      figures[#figures + 1] = unread[cursor]
    end
  end
  return figures
end

local function tell(members_key, ids_key, messages_key)
  local count = redis.pcall('ZCARD', members_key)
  if failed(count) then return members_key end
  local last = redis.pcall('GET', ids_key)
  if failed(last) then return ids_key end
  local stored = redis.pcall('ZCARD', messages_key)
  if failed(stored) then return messages_key end
  if not last and count == 0 then return false end

  local members = {}
  if limit ~= 0 then
    members = redis.call('ZRANGE', members_key, 0, limit < 0 and -1 or limit - 1, 'WITHSCORES')
  end
  local own = redis.call('ZSCORE', members_key, ARGV[2])
  if own then
    members[#members + 1] = ARGV[2]
    members[#members + 1] = own
  end
  return { last or '0', stored, count, unread_by_member(members, messages_key) }
end

local rooms = {}
for i = 1, #KEYS, 3 do
  rooms[#rooms + 1] = tell(KEYS[i], KEYS[i + 1], KEYS[i + 2])
end
return rooms
