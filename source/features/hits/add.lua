#!lua
-- Counts hits in their bucket of 10 s and in their hour, where they happened by the server's clock.
-- KEYS[1] raw: hash of one hour, bucket (0 to 359) -> hits
-- KEYS[2] hourly: hash of one day, hour (0 to 23) -> hits
-- KEYS[3] writers: zset of writers, by the time of their last batch (epoch ms)
-- ARGV[1] writer: who counts
-- ARGV[2] confirmed: what the reply to this writer's last batch said, 0 before the first
-- ARGV[3] hour: the hour since the epoch that the keys are named after
-- ARGV[4] ageMs: how long ago it happened
-- ARGV[5] count: how many hits
-- ARGV[6] keepMs: how long the raw hash stays behind its hour
-- ARGV[7] keepHourlyMs: how long the hourly hash stays behind its day
-- Reply: 0 and what to confirm with the next batch; -1 and the server's ms when it is another hour there; -2 and
--   which of KEYS holds something else. Only the first wrote

local HOUR, BUCKET, FORGET_WRITER = 3600000, 10000, 3600000
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local at = now - ARGV[4]
local hour = math.floor(at / HOUR)
if hour ~= tonumber(ARGV[3]) then return { -1, now } end

for i, expected in ipairs({ 'hash', 'hash', 'zset' }) do
  local found = redis.call('TYPE', KEYS[i]).ok
  if found ~= 'none' and found ~= expected then return { -2, i } end
end

-- Ahead of what the writer saw confirmed: this very batch is in already, and was sent again.
local last = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[1]) or 0)
if last > tonumber(ARGV[2]) then return { 0, last } end

-- All or nothing: what an ACL may deny comes first, and is taken back when the counting itself is refused.
local rawEnd, hourlyEnd = (hour + 1) * HOUR + ARGV[6], (math.floor(hour / 24) + 1) * 24 * HOUR + ARGV[7]
local rawIsThere = redis.call('PEXPIREAT', KEYS[1], rawEnd) == 1
local hourlyIsThere = redis.call('PEXPIREAT', KEYS[2], hourlyEnd) == 1
local mark = math.max(now, last + 1)
redis.call('ZADD', KEYS[3], mark, ARGV[1])
local function refuse(place, refusal)
  redis.call('ZADD', KEYS[3], last, ARGV[1])
  local isForeign = string.find(refusal.err, 'not an integer') or string.find(refusal.err, 'overflow')
  return isForeign and { -2, place } or refusal
end
local bucket = math.floor(at % HOUR / BUCKET)
local counted = redis.pcall('HINCRBY', KEYS[1], bucket, ARGV[5])
if type(counted) == 'table' then return refuse(1, counted) end
local inHour = redis.pcall('HINCRBY', KEYS[2], hour % 24, ARGV[5])
if type(inHour) == 'table' then
  redis.call('HINCRBY', KEYS[1], bucket, '-' .. ARGV[5])
  if not rawIsThere then redis.call('PEXPIREAT', KEYS[1], rawEnd) end
  return refuse(2, inHour)
end
if not rawIsThere then redis.call('PEXPIREAT', KEYS[1], rawEnd) end
if not hourlyIsThere then redis.call('PEXPIREAT', KEYS[2], hourlyEnd) end

redis.pcall('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - FORGET_WRITER)
redis.pcall('PEXPIRE', KEYS[3], FORGET_WRITER)
return { 0, mark }
