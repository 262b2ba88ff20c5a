#!lua flags=no-writes
-- One room as somebody sees who has it open: who is in it, how far they are, and the newest messages. Long texts are cut.
-- KEYS[1] members: zset member -> id of the last message seen
-- KEYS[2] ids: counter of the room's messages
-- KEYS[3] messages: zset JSON -> id
-- ARGV[1] limit: tell of at most so many members, those furthest behind first
-- ARGV[2] always: tell of this member's cursor too
-- ARGV[3] after: only messages with a higher id
-- ARGV[4] most: at most so many messages, the newest
-- ARGV[5] longest: of a message so many bytes
-- Reply: {last id, number of members, cursor of that one member or '', {member, cursor, ...}, {JSON, id, ...} newest first,
-- Reply: 1 when older ones were left out}; false if gone
-- @include ./cut-messages.lua
-- @include ./last-id.lua
local limit = tonumber(ARGV[1])
local members = redis.call('ZRANGE', KEYS[1], 0, limit - 1, 'WITHSCORES')
if #members == 0 and redis.call('EXISTS', KEYS[2]) == 0 then return false end
local last = lastId(KEYS[1], KEYS[2], KEYS[3])

-- Small rooms, which are most, cost no further questions.
local count, own = #members / 2, ''
for i = 1, #members, 2 do
  if members[i] == ARGV[2] then own = members[i + 1] end
  members[i] = string.sub(members[i], 1, 1024)
end
if count == limit then
  count = redis.call('ZCARD', KEYS[1])
  own = redis.call('ZSCORE', KEYS[1], ARGV[2]) or ''
end
local stored = redis.call(
  'ZRANGE', KEYS[3], '+inf', '(' .. ARGV[3], 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[4], 'WITHSCORES')
local messages, isCut = cutMessages(stored, tonumber(ARGV[5]), 262144)
return { last, count, own, members, messages, (isCut or #stored / 2 == tonumber(ARGV[4])) and 1 or 0 }
