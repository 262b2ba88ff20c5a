#!lua flags=allow-oom
-- A consumer sets a part aside that it cannot take: it stays in Redis and is owed, and the consumer goes on behind it.
-- KEYS[1] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- KEYS[2] members: zset member -> id of the last message seen
-- KEYS[3] messages: zset JSON -> id
-- KEYS[4] aside: hash consumer:part -> JSON, parts that a consumer set aside
-- KEYS[5] seen: zset room -> id of the last message this consumer saw; absent in Cluster
-- ARGV[1] room: the channel's name as members know it
-- ARGV[2] id: the consumer's
-- ARGV[3] token: this process's own
-- ARGV[4] message: its id
-- ARGV[5] part: its name
-- ARGV[6] record: JSON, with the reason
-- ARGV[7] limit: so many parts of the channel may be aside
-- ARGV[8] before: up to which message this consumer has finished everything, as far as it knows
-- Reply: {'aside'}, {'full', how many are aside}, {'rewound'} when this server knows less than that, or {'replaced'} when
--   somebody else took this consumer's place
-- @include ./hold-cursor.lua
local place = { who = KEYS[1], members = KEYS[2], messages = KEYS[3], seen = KEYS[5] }
local cursor, holder = holder_of(place, ARGV[2], ARGV[3])
if not cursor then return { 'replaced' } end
if cursor < tonumber(ARGV[4]) and cursor < tonumber(ARGV[8]) then return { 'rewound' } end
local field = ARGV[2] .. ':' .. ARGV[5]
local record = cjson.decode(ARGV[6])
local stored = redis.call('HGET', KEYS[4], field)
if stored then
  record.since = cjson.decode(stored).since
else
  local count = redis.call('HLEN', KEYS[4])
  if count >= tonumber(ARGV[7]) then return { 'full', count } end
end
local at = move_cursor(place, ARGV[1], ARGV[2], holder, ARGV[4])
record.since = record.since or at
redis.call('HSET', KEYS[4], field, cjson.encode(record))
return { 'aside' }
