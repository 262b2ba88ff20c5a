#!lua flags=allow-oom
-- Forgets a subscriber; its process, if there is one, is told.
-- KEYS[1] subs: zset, subscriber -> the last id it has done
-- KEYS[2] seats: hash, subscriber -> seat
-- KEYS[3] state: hash; of each subscriber `blocked:`, `pace:`
-- ARGV[1] name: the subscriber
-- ARGV[2] ring: PUBLISH, or SPUBLISH in Cluster
-- ARGV[3] bell: the channel of the topic
-- Reply: 1 when there was such a subscriber, else 0
local removed = redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], 'blocked:' .. ARGV[1], 'pace:' .. ARGV[1])
if removed == 1 then redis.call(ARGV[2], ARGV[3], 'seat') end
return removed
