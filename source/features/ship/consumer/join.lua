#!lua flags=allow-oom
-- A consumer takes its place. Two processes under one id would each get half, so only one may hold it.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- KEYS[3] members: zset member -> id of the last message seen
-- KEYS[4] messages: zset JSON -> id
-- ARGV[1] id: the consumer's
-- ARGV[2] token: this process's own
-- ARGV[3] consumer: JSON to remember it by
-- ARGV[4] lease: milliseconds of silence after which a consumer counts as gone
-- ARGV[5] gone: the token of a process known to be gone
-- Reply: {'joined', run, 1 if that run is over, its done message, cursor, window, how often parts
--   set aside were wanted again}, {'busy', JSON of who holds it, ms since
--   its last sign of life}, {'absent'} when nothing was ever shipped here, {'unexpected', the ids that are expected, 1 if
--   the run is over}
if redis.call('EXISTS', KEYS[3]) == 0 then
  redis.call('ZCARD', KEYS[4]) -- a key of another type fails here
  redis.call('HLEN', KEYS[1])
  return { 'absent' }
end
-- Anybody may have written there.
local function short(text, most)
  return string.sub(text or '', 1, most)
end
local settings = redis.call('HMGET', KEYS[1], 'run', 'closed', 'done', 'window', 'expect', 'retries')
local cursor = redis.call('ZSCORE', KEYS[3], ARGV[1])
local isExpected = not settings[5] or settings[5]:find(' ' .. ARGV[1] .. ' ', 1, true)
if not cursor or not isExpected then return { 'unexpected', short(settings[5], 32768), short(settings[2], 1) } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('HGET', KEYS[2], 'c:' .. ARGV[1])
local holder = stored and cjson.decode(stored) or {}
if holder.token and holder.token ~= ARGV[2] and holder.token ~= ARGV[5] and now - holder.at <= tonumber(ARGV[4]) then
  return { 'busy', short(stored, 4096), now - holder.at }
end
local consumer = cjson.decode(ARGV[3])
consumer.token = ARGV[2]
consumer.at = now
redis.call('HSET', KEYS[2], 'c:' .. ARGV[1], cjson.encode(consumer))
return {
  'joined', short(settings[1], 1024), short(settings[2], 1), short(settings[3], 32), cursor, short(settings[4], 32),
  short(settings[6], 1024),
}
