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
local cursor = redis.call('ZSCORE', KEYS[2], ARGV[2])
cursor = cursor and tonumber(cursor)
local holder = redis.call('HGET', KEYS[1], 'c:' .. ARGV[2])
holder = holder and cjson.decode(holder)
if not cursor or not holder or holder.token ~= ARGV[3] then return { 'replaced' } end
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
local time = redis.call('TIME')
holder.at = time[1] * 1000 + math.floor(time[2] / 1000)
record.since = record.since or holder.at
redis.call('HSET', KEYS[4], field, cjson.encode(record))
redis.call('ZADD', KEYS[2], 'XX', 'GT', ARGV[4], ARGV[2])
if KEYS[5] then redis.call('ZADD', KEYS[5], 'GT', ARGV[4], ARGV[1]) end
local slowest = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', slowest[2])
redis.call('HSET', KEYS[1], 'c:' .. ARGV[2], cjson.encode(holder))
return { 'aside' }
