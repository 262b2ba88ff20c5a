#!lua flags=no-writes
-- Who is in each room, how far they have read, and how much is stored. In Cluster one room at a time. Long names are cut.
-- KEYS[1] members: zset member -> id of the last message seen; each room gives three keys
-- KEYS[2] ids: counter of the room's messages
-- KEYS[3] messages: zset JSON -> id
-- ARGV[1] first: the place of the first member wanted, the one furthest behind being 0
-- ARGV[2] most: how many members of each room are wanted
-- ARGV[3] always: tell of this member too, if there
-- Reply: for each room {last id, messages stored, number of members, {member, cursor, unread, ...}}; false if it is gone;
-- Reply: {key, error} when that key is unreadable
-- @include ./last-id.lua
local first, most = tonumber(ARGV[1]), tonumber(ARGV[2])

local function unreadByMember(members, messages)
  local figures, isCounted, unread = {}, {}, {}
  for i = 1, #members, 2 do
    local name, cursor = members[i], members[i + 1]
    if not isCounted[name] then
      isCounted[name] = true
      unread[cursor] = unread[cursor] or redis.call('ZCOUNT', messages, '(' .. cursor, '+inf')
      figures[#figures + 1] = string.sub(name, 1, 1024)
      figures[#figures + 1] = cursor
      figures[#figures + 1] = unread[cursor]
    end
  end
  return figures
end

local function look(membersKey, idsKey, messagesKey)
  local count = redis.pcall('ZCARD', membersKey)
  if type(count) == 'table' then return { membersKey, count.err } end
  local stored = redis.pcall('ZCARD', messagesKey)
  if type(stored) == 'table' then return { messagesKey, stored.err } end
  local isKnown, last = pcall(lastId, membersKey, idsKey, messagesKey)
  if not isKnown then return { idsKey, type(last) == 'table' and last.err or tostring(last) } end
  if count == 0 and redis.call('EXISTS', idsKey) == 0 then return false end

  local members = {}
  if most > 0 then members = redis.call('ZRANGE', membersKey, first, first + most - 1, 'WITHSCORES') end
  local own = ARGV[3] ~= '' and redis.call('ZSCORE', membersKey, ARGV[3])
  if own then
    members[#members + 1] = ARGV[3]
    members[#members + 1] = own
  end
  return { last, stored, count, unreadByMember(members, messagesKey) }
end

local rooms = {}
for i = 1, #KEYS, 3 do
  rooms[#rooms + 1] = look(KEYS[i], KEYS[i + 1], KEYS[i + 2])
end
return rooms
