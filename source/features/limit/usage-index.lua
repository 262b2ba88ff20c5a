#!lua
-- Tells the index which limits are in use, and how often they refused since the last note.
-- KEYS[1] index: zset of limits, by when they were last noted (epoch ms)
-- KEYS[2] most: hash of the max of each limit
-- KEYS[3] denied: hash of the refusals of each limit
-- KEYS[4] writers: zset of writers, by the time of their last note (epoch ms)
-- ARGV[1] writer: who notes
-- ARGV[2] confirmed: the reply to this writer's last note, 0 before the first
-- ARGV[3] notes: member, max, refusals for each limit
-- Reply: what to confirm with the next note

local DAY = 86400000
local KEEP, LARGEST, FORGET_WRITER = 7 * DAY, 10000, 3600000

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Ahead of what the writer saw confirmed: this very note is in already, and was sent again.
local last = tonumber(redis.call('ZSCORE', KEYS[4], ARGV[1]) or 0)
if last > tonumber(ARGV[2]) then return last end

for i = 3, #ARGV, 3 do
  redis.call('ZADD', KEYS[1], now, ARGV[i])
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  if ARGV[i + 2] ~= '0' then redis.call('HINCRBY', KEYS[3], ARGV[i], ARGV[i + 2]) end
end

local function forget(members)
  for _, member in ipairs(members) do
    redis.call('ZREM', KEYS[1], member)
    redis.call('HDEL', KEYS[2], member)
    redis.call('HDEL', KEYS[3], member)
  end
end
forget(redis.call('ZRANGE', KEYS[1], '-inf', now - KEEP, 'BYSCORE', 'LIMIT', 0, 1000))
local excess = redis.call('ZCARD', KEYS[1]) - LARGEST
if excess > 0 then forget(redis.call('ZRANGE', KEYS[1], 0, excess - 1)) end

local mark = math.max(now, last + 1)
redis.call('ZADD', KEYS[4], mark, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - FORGET_WRITER)
for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], KEEP + DAY) end
return mark
