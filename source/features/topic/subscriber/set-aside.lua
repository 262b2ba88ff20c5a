#!lua
-- Keeps a message that a subscriber's handler cannot do, so that the subscriber may go on. Sent twice, it is kept once.
-- KEYS[1] aside: hash, id -> JSON, of this subscriber
-- KEYS[2] state: hash; `aside:<subscriber>` is how many there are
-- ARGV[1] name: the subscriber
-- ARGV[2] id: the message's
-- ARGV[3] JSON `{at, message, reason, tries}`; the time at which it was set aside goes in front
-- ARGV[4] most: so many may be aside
-- Reply: 1 when it is aside, 0 when so many are already
redis.call('HGET', KEYS[2], 'floor') -- a key of another type fails here, before anything was written
if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 1 then return 1 end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
local time = redis.call('TIME')
local since = string.format('{"sinceMs":%.0f,', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], ARGV[2], since .. string.sub(ARGV[3], 2))
redis.call('HSET', KEYS[2], 'aside:' .. ARGV[1], redis.call('HLEN', KEYS[1]))
return 1
