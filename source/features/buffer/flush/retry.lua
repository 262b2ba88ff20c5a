#!lua flags=allow-oom
-- Makes ids that are set aside due: the next flush tries them again. Sent twice, they are due twice.
-- KEYS[1] aside: zset id -> count that SQL refuses
-- KEYS[2] due: zset id aside -> epoch ms from which on it is tried again
-- ARGV[1...] ids
-- Reply: for each id 1, or 0 when it is not aside
local replies = {}
for i, id in ipairs(ARGV) do
  replies[i] = redis.call('ZSCORE', KEYS[1], id) and 1 or 0
  if replies[i] == 1 then redis.call('ZADD', KEYS[2], 0, id) end
end
return replies
