#!lua flags=allow-oom
-- Takes a member out, and the room with its last member, in one step: nobody can join in between.
-- KEYS[1] members: zset member -> id of the last message seen
-- KEYS[2] ids: counter of the room's messages
-- KEYS[3] messages: zset JSON -> id
-- KEYS[4] lock: the one that programs of Redis in Action put around sending
-- KEYS[5] guard: hash of this process's operations in flight in this room, slot -> number:reply
-- KEYS[6] seen: zset room -> id of the last message this member saw; absent in Cluster
-- ARGV[1] room: its name as members know it
-- ARGV[2] member: who leaves
-- ARGV[3] slot: where the guard keeps this operation
-- ARGV[4] number: which operation this is
-- ARGV[5] guard life: milliseconds
-- Reply: {'left', how many stay}, {'stranger'} or {'unknown'} when there is no such room
if redis.call('HGET', KEYS[5], ARGV[3]) == ARGV[4] .. ':left' then -- sent again, its answer was lost
  return { 'left', redis.call('ZCARD', KEYS[1]) }
end
-- A key of another type fails here, before anything was written.
redis.call('GETRANGE', KEYS[2], 0, 0)
redis.call('ZCARD', KEYS[3])
if KEYS[6] then redis.call('ZCARD', KEYS[6]) end
if not redis.call('ZSCORE', KEYS[1], ARGV[2]) then
  return { redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 and 'unknown' or 'stranger' }
end
redis.call('HSET', KEYS[5], ARGV[3], ARGV[4] .. ':left')
redis.call('PEXPIRE', KEYS[5], ARGV[5])
redis.call('ZREM', KEYS[1], ARGV[2])
if KEYS[6] then redis.call('ZREM', KEYS[6], ARGV[1]) end
local slowest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if slowest[2] then
  redis.pcall('ZREMRANGEBYSCORE', KEYS[3], '-inf', slowest[2])
else
  redis.call('DEL', KEYS[3])
  -- A sender with the lock has taken an id and will add it: the numbers must not start again under it.
  if redis.call('EXISTS', KEYS[4]) == 0 then redis.call('DEL', KEYS[2]) end
end
return { 'left', redis.call('ZCARD', KEYS[1]) }
