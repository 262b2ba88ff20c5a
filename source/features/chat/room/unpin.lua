#!lua flags=allow-oom
-- Takes the copy of one message away.
-- KEYS[1] members: zset member -> id of the last message seen
-- KEYS[2] ids: counter of the room's messages
-- KEYS[3] pins: zset JSON -> id of the message
-- ARGV[1] member: who does it
-- ARGV[2] id: of the message
-- Reply: {'unpinned', how many copies there were}, {'stranger'} or {'unknown'} when there is no such room
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return { redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 and 'unknown' or 'stranger' }
end
return { 'unpinned', redis.call('ZREMRANGEBYSCORE', KEYS[3], ARGV[2], ARGV[2]) }
