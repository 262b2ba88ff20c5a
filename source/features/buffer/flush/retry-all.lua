#!lua flags=allow-oom
-- Makes all ids that are set aside due, a part at a time: the next flush tries them again. Sent twice, they are due twice.
-- KEYS[1] aside: zset id -> count that SQL refuses
-- KEYS[2] due: zset id aside -> epoch ms from which on it is tried again
-- ARGV[1] cursor: '0' to begin
-- ARGV[2] most: about so many ids
-- Reply: {cursor, '0' at the end; how many ids were made due}
local cursor, met = ARGV[1], 0
repeat
  local page = redis.call('ZSCAN', KEYS[1], cursor, 'COUNT', 16)
  cursor = page[1]
  for i = 1, #page[2], 2 do redis.call('ZADD', KEYS[2], 0, page[2][i]) end
  met = met + #page[2] / 2
until cursor == '0' or met >= tonumber(ARGV[2])
return { cursor, met }
