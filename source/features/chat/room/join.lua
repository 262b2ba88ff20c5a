#!lua
-- Adds a member who has seen everything up to now; a member keeps the cursor it has.
-- KEYS[1] members: zset member -> id of the last message seen
-- KEYS[2] ids: counter of the room's messages
-- KEYS[3] messages: zset JSON -> id
-- KEYS[4] seen: zset room -> id of the last message this member saw; absent in Cluster
-- ARGV[1] room: its name as members know it
-- ARGV[2] member: who joins
-- ARGV[3] writes only: 1 or 0; a member who never reads must not keep messages alive
-- Reply: {'joined', cursor} or {'unknown'} when there is no such room
-- @include ./last-id.lua
if redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 then return { 'unknown' } end
local last = lastId(KEYS[1], KEYS[2], KEYS[3])
local cursor = redis.call('ZSCORE', KEYS[1], ARGV[2]) or string.format('%.0f', last)
if ARGV[3] == '1' then cursor = '+inf' end
if KEYS[4] then redis.call('ZADD', KEYS[4], cursor, ARGV[1]) end
redis.call('ZADD', KEYS[1], cursor, ARGV[2])
return { 'joined', redis.call('ZSCORE', KEYS[1], ARGV[2]) }
