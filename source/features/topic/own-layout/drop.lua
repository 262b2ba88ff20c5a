#!lua flags=allow-oom
-- Forgets a subscriber; its process, if there is one, is notified.
-- KEYS[1] subs: zset, subscriber -> the last id it has done
-- KEYS[2] leases: hash, subscriber -> who serves it
-- KEYS[3] state: hash; of each subscriber `blocked:`, `pace:`, `aside:`, and `dropped:` until its process knows
-- KEYS[4] aside: hash, what is set aside for it
-- ARGV[1] name: the subscriber
-- ARGV[2] publish: PUBLISH, or SPUBLISH in Cluster
-- ARGV[3] channel: of the topic
-- Reply: 1 when there was such a subscriber, else 0
local name = ARGV[1]
local token = string.match(redis.call('HGET', KEYS[2], name) or '', '^%S+')
-- A name that is gone without this was lost by the server: its process then registers it again.
if token and token ~= '-' and redis.call('ZSCORE', KEYS[1], name) then
  redis.call('HSET', KEYS[3], 'dropped:' .. name, token)
end
local removed = redis.call('ZREM', KEYS[1], name)
redis.call('HDEL', KEYS[2], name)
redis.call('HDEL', KEYS[3], 'blocked:' .. name, 'pace:' .. name, 'aside:' .. name)
redis.call('DEL', KEYS[4])
if removed == 1 then redis.pcall(ARGV[2], ARGV[3], 'seat') end
return removed
