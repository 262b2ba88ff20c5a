#!lua flags=no-writes
-- Who is in each room, how far they have read, and how much is stored. In Cluster one room at a time.
-- KEYS[1] members: zset member -> id of the last message seen; each room gives three keys
-- KEYS[2] ids: counter of the room's messages
-- KEYS[3] messages: zset JSON -> id
-- ARGV[1] limit: tell of at most so many members of each room, those furthest behind first; -1: of all
-- ARGV[2] always: tell of this member too, if there
-- Reply: for each room {last id, messages stored, number of members, {member, cursor, unread, ...}}; false if gone
local rooms, limit = {}, tonumber(ARGV[1])
for i = 1, #KEYS, 3 do
  local last = redis.call('GET', KEYS[i + 1])
  local count = redis.call('ZCARD', KEYS[i])
  if not last and count == 0 then
    rooms[#rooms + 1] = false
  else
    local members = limit == 0 and {}
      or redis.call('ZRANGE', KEYS[i], 0, limit < 0 and -1 or limit - 1, 'WITHSCORES')
    local own = redis.call('ZSCORE', KEYS[i], ARGV[2])
    if own then
      members[#members + 1] = ARGV[2]
      members[#members + 1] = own
    end
    local figures, told, unread = {}, {}, {}
    for j = 1, #members, 2 do
      local name, cursor = members[j], members[j + 1]
      if not told[name] then
        told[name] = true
        unread[cursor] = unread[cursor] or redis.call('ZCOUNT', KEYS[i + 2], '(' .. cursor, '+inf')
        figures[#figures + 1] = name
        figures[#figures + 1] = cursor
        figures[#figures + 1] = unread[cursor]
      end
    end
    rooms[#rooms + 1] = { last or '0', redis.call('ZCARD', KEYS[i + 2]), count, figures }
  end
end
return rooms
