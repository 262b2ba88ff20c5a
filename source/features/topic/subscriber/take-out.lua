#!lua flags=allow-oom
-- Takes messages out of those that are set aside, because they were done after all or are not wanted. Sent twice, the
-- second time finds none.
-- KEYS[1] aside: hash, id -> JSON, of this subscriber
-- KEYS[2] state: hash; `aside:<subscriber>` is how many there are
-- ARGV[1] name: the subscriber
-- ARGV[2..] ids
-- Reply: for each id 1, or 0 when it was not aside
redis.call('HGET', KEYS[2], 'floor') -- a key of another type fails here, before anything was written
local replies = {}
for i = 2, #ARGV do replies[i - 1] = redis.call('HDEL', KEYS[1], ARGV[i]) end
local left = redis.call('HLEN', KEYS[1])
if left == 0 then
  redis.call('HDEL', KEYS[2], 'aside:' .. ARGV[1])
else
  redis.call('HSET', KEYS[2], 'aside:' .. ARGV[1], left)
end
return replies
