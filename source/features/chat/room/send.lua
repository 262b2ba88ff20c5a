#!lua
-- Numbers, stores and announces one message.
-- KEYS[1] members: zset member -> id of the last message seen
-- KEYS[2] ids: counter of the room's messages
-- KEYS[3] messages: zset JSON -> id
-- KEYS[4] lock: the one that programs of Redis in Action put around sending; its owner has an id that is not stored yet
-- KEYS[5] guard: hash of this process's operations in flight in this room, slot -> number:reply
-- KEYS[6] seen: zset room -> id of the last message the sender saw; absent in Cluster
-- ARGV[1] sender: a member's name
-- ARGV[2] sender as JSON
-- ARGV[3] message as JSON
-- ARGV[4] slot: where the guard keeps this operation
-- ARGV[5] number: which operation this is
-- ARGV[6] guard life: milliseconds
-- ARGV[7] publish: PUBLISH, or SPUBLISH in Cluster
-- ARGV[8] channel: where the message is announced
-- ARGV[9] room: its name as members know it
-- ARGV[10] seen: 1 when senders have seen what they wrote, 0 when that waits until it was shown to them
-- Reply: {'sent', id, epoch ms}, {'locked', PTTL of the lock}, {'stranger'} or {'unknown'} when there is no such room
-- @include ./last-id.lua
local before = redis.call('HGET', KEYS[5], ARGV[4])
if before then
  local number, id, at = before:match('^(%d+):(%d+):(%d+)$')
  if number == ARGV[5] then return { 'sent', tonumber(id), tonumber(at) } end -- sent again, its answer was lost
end
local cursor = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not cursor then return { redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 and 'unknown' or 'stranger' } end
if redis.call('EXISTS', KEYS[4]) == 1 then return { 'locked', redis.call('PTTL', KEYS[4]) } end
if KEYS[6] then redis.call('ZCARD', KEYS[6]) end -- a key of another type fails here, before anything was written

-- What everybody had seen before goes now: senders alone must not fill a room.
local slowest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local removed = redis.pcall('ZREMRANGEBYSCORE', KEYS[3], '-inf', slowest[2])
if type(removed) == 'table' and string.find(removed.err, 'WRONGTYPE', 1, true) then return removed end

local id = redis.call('INCR', KEYS[2])
if redis.call('ZCOUNT', KEYS[1], id, '(inf') > 0 then
  -- The counter was lost: members stand at this id or above it, and would never be shown what bears it.
  id = highestId(KEYS[1], KEYS[3]) + 1
  redis.call('SET', KEYS[2], string.format('%.0f', id))
end
local time = redis.call('TIME')
local at = time[1] .. string.format('%03d', math.floor(time[2] / 1000))
local stored = string.format(
  '{"id": %.0f, "ts": %s.%06d, "sender": %s, "message": %s}', id, time[1], time[2], ARGV[2], ARGV[3])
redis.call('ZADD', KEYS[3], id, stored)
redis.call('HSET', KEYS[5], ARGV[4], string.format('%s:%.0f:%s', ARGV[5], id, at))
redis.call('PEXPIRE', KEYS[5], ARGV[6])
-- Senders who were up to date have seen what they wrote.
if ARGV[10] == '1' and tonumber(cursor) == id - 1 then
  if KEYS[6] then redis.pcall('ZADD', KEYS[6], 'GT', id, ARGV[9]) end
  redis.pcall('ZADD', KEYS[1], 'GT', id, ARGV[1])
end
-- Who may not publish may still send: the notification is a courtesy, readers poll as well.
redis.pcall(ARGV[7], ARGV[8], stored)
return { 'sent', id, tonumber(at) }
