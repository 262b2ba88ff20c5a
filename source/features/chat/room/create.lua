#!lua
-- Makes a room, or adds the members an existing one lacks. New members start at the room's latest message.
-- KEYS[1] members: zset member -> id of the last message seen
-- KEYS[2] ids: counter of the room's messages
-- KEYS[3] messages: zset JSON -> id
-- KEYS[4] seen: zset room -> last seen id of the first member; one more for each member, none in Cluster
-- ARGV[1] room: its name as members know it
-- ARGV[2] writers: how many of the members come to write only
-- ARGV[3] member: the writers first; one more for each member
-- Reply: 1 if the room is new or looks untouched since a create like this one, else 0
-- @include ./last-id.lua
local room, writers = ARGV[1], tonumber(ARGV[2])
local given = #ARGV - 2
-- Messages may be left behind by a sender who was adding one while the last member left: newcomers must not take them
-- for theirs.
local last = math.max(lastId(KEYS[1], KEYS[2], KEYS[3]), highestId(KEYS[1], KEYS[3]))

-- A key of another type fails here, before half a room was written.
for i = 4, #KEYS do redis.call('ZCARD', KEYS[i]) end
local strangers = redis.call('ZCARD', KEYS[1])
for i = 1, given do
  if redis.call('ZSCORE', KEYS[1], ARGV[2 + i]) then strangers = strangers - 1 end
end
redis.call('SET', KEYS[2], string.format('%.0f', last))
for i = 1, given do
  local cursor = redis.call('ZSCORE', KEYS[1], ARGV[2 + i]) or (i <= writers and '+inf' or string.format('%.0f', last))
  if KEYS[3 + i] then redis.call('ZADD', KEYS[3 + i], cursor, room) end
  redis.call('ZADD', KEYS[1], cursor, ARGV[2 + i])
end
return last == 0 and strangers == 0 and 1 or 0
