#!lua flags=allow-oom
-- Takes a consumer out of the channel: no part to come will wait for it.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- KEYS[3] members: zset member -> id of the last message seen
-- KEYS[4] messages: zset JSON -> id
-- KEYS[5] seen: zset room -> id of the last message this consumer saw; absent in Cluster
-- ARGV[1] room: the channel's name as members know it
-- ARGV[2] id: the consumer's
-- Reply: {'forgotten'}, {'unknown'} without such a channel or {'unexpected', the ids that are expected}
local expect = redis.call('HGET', KEYS[1], 'expect')
if not expect then return { 'unknown' } end
local from, to = expect:find(' ' .. ARGV[2] .. ' ', 1, true)
if not from then return { 'unexpected', string.sub(expect, 1, 32768) } end
redis.call('HSET', KEYS[1], 'expect', expect:sub(1, from) .. expect:sub(to + 1))
redis.call('HDEL', KEYS[2], 'c:' .. ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[2])
if KEYS[5] then redis.call('ZREM', KEYS[5], ARGV[1]) end
local slowest = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
if slowest[2] then redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', slowest[2]) end
return { 'forgotten' }
