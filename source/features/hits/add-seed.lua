#!lua
-- Counts hits in the plain key of their 10 s, as other programs INCR and read them.
-- KEYS[1] bucket: string, hits
-- KEYS[2] writers: zset of writers, by the time of their last batch (epoch ms)
-- ARGV[1] writer: who counts
-- ARGV[2] confirmed: what the reply to this writer's last batch said, 0 before the first
-- ARGV[3] bucket: epoch / 10, the 10 s that the key is named after
-- ARGV[4] ageMs: how long ago it happened
-- ARGV[5] count: how many hits
-- ARGV[6] keepMs: how long the bucket stays
-- Reply: 0 and what to confirm with the next batch; -1 and the server's ms when it is another bucket there; -2 and
--   which of KEYS holds something else. Only the first wrote

local BUCKET, FORGET_WRITER = 10000, 3600000
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local bucket = math.floor((now - ARGV[4]) / BUCKET)
if bucket ~= tonumber(ARGV[3]) then return { -1, now } end

for place, expected in ipairs({ 'string', 'zset' }) do
  local found = redis.call('TYPE', KEYS[place]).ok
  if found ~= 'none' and found ~= expected then return { -2, place } end
end
local text = redis.call('GETRANGE', KEYS[1], 0, 20)
if text ~= '' and not string.find(text, '^%-?%d+$') then return { -2, 1 } end

-- Ahead of what the writer saw confirmed: this very batch is in already, and was sent again.
local last = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1]) or 0)
if last > tonumber(ARGV[2]) then return { 0, last } end

-- All or nothing: what an ACL may deny comes first, and is taken back when the counting itself is refused.
local deadline = (bucket + 1) * BUCKET + ARGV[6]
local isThere = redis.call('PEXPIREAT', KEYS[1], deadline) == 1
local mark = math.max(now, last + 1)
redis.call('ZADD', KEYS[2], mark, ARGV[1])
local counted = redis.pcall('INCRBY', KEYS[1], ARGV[5])
if type(counted) == 'table' then
  redis.call('ZADD', KEYS[2], last, ARGV[1])
  local isForeign = string.find(counted.err, 'not an integer') or string.find(counted.err, 'overflow')
  return isForeign and { -2, 1 } or counted
end
if not isThere then redis.call('PEXPIREAT', KEYS[1], deadline) end

redis.pcall('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - FORGET_WRITER)
redis.pcall('PEXPIRE', KEYS[2], FORGET_WRITER)
return { 0, mark }
