#!lua flags=allow-oom
-- Moves a member's cursor forward, never back, and removes what every member has seen by now.
-- KEYS[1] members: zset member -> id of the last message seen
-- KEYS[2] ids: counter of the room's messages
-- KEYS[3] messages: zset JSON -> id
-- KEYS[4] seen: zset room -> id of the last message this member saw; absent in Cluster
-- ARGV[1] room: its name as members know it
-- ARGV[2] member: who has seen
-- ARGV[3] id: everything up to this message; no further than the latest one
-- Reply: {'seen', the member's cursor, messages removed}, {'stranger'} or {'unknown'}
-- @include ./last-id.lua
-- Who has left stays out: writing the cursor unasked would bring a ghost back that nobody waits for any more.
if not redis.call('ZSCORE', KEYS[1], ARGV[2]) then
  return { redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 and 'unknown' or 'stranger' }
end
redis.call('ZCARD', KEYS[3]) -- a key of another type fails here, before anything was written
local id = math.min(tonumber(ARGV[3]), lastId(KEYS[1], KEYS[2], KEYS[3]))
if KEYS[4] then redis.call('ZADD', KEYS[4], 'GT', id, ARGV[1]) end
redis.call('ZADD', KEYS[1], 'XX', 'GT', id, ARGV[2])
local slowest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
-- Tidying up decides nothing.
local removed = redis.pcall('ZREMRANGEBYSCORE', KEYS[3], '-inf', slowest[2])
return { 'seen', redis.call('ZSCORE', KEYS[1], ARGV[2]), type(removed) == 'number' and removed or 0 }
