#!lua
-- A member looks at the room.
-- KEYS[1] members: zset member -> id of the last message seen
-- KEYS[2] ids: counter of the room's messages
-- KEYS[3] here: zset member -> epoch ms of when they last looked
-- ARGV[1] member: who looks
-- ARGV[2] life: seconds
-- Reply: {'here', epoch ms}, {'stranger'} or {'unknown'} when there is no such room
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return { redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 and 'unknown' or 'stranger' }
end
local time = redis.call('TIME')
local at = string.format('%s%03d', time[1], math.floor(time[2] / 1000))
redis.call('ZADD', KEYS[3], at, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', string.format('(%.0f', tonumber(at) - 1000 * ARGV[2]))
redis.call('EXPIRE', KEYS[3], ARGV[2])
return { 'here', tonumber(at) }
