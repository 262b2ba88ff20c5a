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
local KEEP, LARGEST, FORGET_WRITER = 7 * DAY, 100000, 3600000

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Ahead of what the writer saw confirmed: this very note is in already, and was sent again.
local last = tonumber(redis.call('ZSCORE', KEYS[4], ARGV[1]) or 0)
if last > tonumber(ARGV[2]) then return last end

-- All or nothing: what an ACL denies at the first limit, it denies before anything was counted.
local mark = math.max(now, last + 1)
redis.call('ZADD', KEYS[4], mark, ARGV[1])
for i = 3, #ARGV, 3 do
  local noted = redis.pcall('ZADD', KEYS[1], now, ARGV[i])
  if type(noted) ~= 'table' then noted = redis.pcall('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
  if type(noted) ~= 'table' and ARGV[i + 2] ~= '0' then
    noted = redis.pcall('HINCRBY', KEYS[3], ARGV[i], ARGV[i + 2])
  end
  if type(noted) == 'table' then
    redis.call('ZADD', KEYS[4], last, ARGV[1])
    return noted
  end
end

local function forget(members)
  if members.err then return end
  for _, member in ipairs(members) do
    redis.pcall('ZREM', KEYS[1], member)
    redis.pcall('HDEL', KEYS[2], member)
    redis.pcall('HDEL', KEYS[3], member)
  end
end
forget(redis.pcall('ZRANGE', KEYS[1], '-inf', now - KEEP, 'BYSCORE', 'LIMIT', 0, 1000))
local size = redis.pcall('ZCARD', KEYS[1])
local excess = type(size) == 'number' and size - LARGEST or 0
if excess > 0 then forget(redis.pcall('ZRANGE', KEYS[1], 0, math.min(excess, 1000) - 1)) end
redis.pcall('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - FORGET_WRITER)
for i = 1, 4 do redis.pcall('PEXPIRE', KEYS[i], KEEP + DAY) end
return mark
