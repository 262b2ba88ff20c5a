#!lua
-- Keeps a copy of one message, which stays when the message itself is removed.
-- KEYS[1] members: zset member -> id of the last message seen
-- KEYS[2] ids: counter of the room's messages
-- KEYS[3] pins: zset JSON -> id of the message
-- ARGV[1] member: who pins it
-- ARGV[2] id: of the message
-- ARGV[3] copy: JSON; empty when there is none
-- ARGV[4] most: at most so many pins
-- ARGV[5] life: seconds from the last pin on
-- Reply: {'pinned', 1, or 0 when it was pinned already}, {'gone'}, {'full', how many}, {'stranger'}
-- Reply: or {'unknown'} when there is no such room
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return { redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 and 'unknown' or 'stranger' }
end
if redis.call('ZCOUNT', KEYS[3], ARGV[2], ARGV[2]) > 0 then return { 'pinned', 0 } end
if ARGV[3] == '' then return { 'gone' } end
local count = redis.call('ZCARD', KEYS[3])
if count >= tonumber(ARGV[4]) then return { 'full', count } end
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[3], ARGV[5])
return { 'pinned', 1 }
