#!lua flags=no-writes
-- Who is in each room, how far they have read, and how much is stored. In Cluster one room at a time. Long names are cut.
-- KEYS[1] members: zset member -> id of the last message seen; each room gives three keys
-- KEYS[2] ids: counter of the room's messages
-- KEYS[3] messages: zset JSON -> id
-- ARGV[1] first: the place of the first member wanted, the one furthest behind being 0
-- ARGV[2] most: how many members of each room are wanted
-- ARGV[3] always: tell of this member too, if there
-- ARGV[4] budget: bytes; with this many the reply ends: there are fewer members, and rooms after it are not looked at
-- Reply: for each room that was looked at {last id, messages stored, number of members, {member, cursor, unread, ...}};
-- Reply: false if it is gone; {key, error} when that key is unreadable
-- @include ./last-id.lua
local first, most, budget = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])
local spent = 0

local function teller(messages)
  local figures, isCounted, unread = {}, {}, {}
  return figures, function(name, cursor)
    if isCounted[name] then return end
    isCounted[name] = true
    unread[cursor] = unread[cursor] or redis.call('ZCOUNT', messages, '(' .. cursor, '+inf')
    local n = #figures
    figures[n + 1], figures[n + 2], figures[n + 3] = string.sub(name, 1, 1024), cursor, unread[cursor]
    spent = spent + #figures[n + 1] + 16
  end
end

local function look(membersKey, idsKey, messagesKey)
  local count = redis.pcall('ZCARD', membersKey)
  if type(count) == 'table' then return { membersKey, count.err } end
  local stored = redis.pcall('ZCARD', messagesKey)
  if type(stored) == 'table' then return { messagesKey, stored.err } end
  local isKnown, last = pcall(lastId, membersKey, idsKey, messagesKey)
  if not isKnown then return { idsKey, type(last) == 'table' and last.err or tostring(last) } end
  if count == 0 and redis.call('EXISTS', idsKey) == 0 then return false end

  local figures, tell = teller(messagesKey)
  local place, last_place = first, math.min(first + most, count) - 1
  -- Few at a time: nobody's long names are in memory beside many others.
  while place <= last_place and spent < budget do
    local some = redis.call('ZRANGE', membersKey, place, math.min(place + 9, last_place), 'WITHSCORES')
    if #some == 0 then break end
    for i = 1, #some, 2 do tell(some[i], some[i + 1]) end
    place = place + 10
  end
  local own = ARGV[3] ~= '' and redis.call('ZSCORE', membersKey, ARGV[3])
  if own then tell(ARGV[3], own) end
  spent = spent + 24
  return { last, stored, count, figures }
end

local rooms = {}
for i = 1, #KEYS, 3 do
  if i > 1 and spent >= budget then break end
  rooms[#rooms + 1] = look(KEYS[i], KEYS[i + 1], KEYS[i + 2])
end
return rooms
