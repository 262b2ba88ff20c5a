#!lua flags=allow-oom
-- Removes what every subscriber of the legacy layout has done.
-- KEYS[1] msgs: zset `pubsub:messages`, JSON -> id
-- KEYS[2] subs: zset `pubsub:process_stats`, subscriber -> the last id it has done
-- Reply: how many messages were removed
local slowest = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
if not slowest then return 0 end
return redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', slowest)
