#!lua flags=allow-oom
-- Forgets counts that are set aside. Sent twice, the second time finds none.
-- KEYS[1] aside: zset id -> count that SQL refuses
-- KEYS[2] why: hash id aside -> JSON
-- KEYS[3] due: zset id aside -> epoch ms from which on it is tried again
-- ARGV[1...] ids
-- Reply: for each id its count, or '' when it is not aside
local replies = {}
for i, id in ipairs(ARGV) do
  replies[i] = redis.call('ZSCORE', KEYS[1], id) or ''
  redis.call('ZREM', KEYS[1], id)
  redis.pcall('ZREM', KEYS[3], id)
  redis.pcall('HDEL', KEYS[2], id)
end
return replies
