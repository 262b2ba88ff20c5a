#!lua
-- Takes a free lock that nobody queues for. Sent twice, it answers the same.
-- KEYS[1] lock: token of the holder, with a TTL
-- KEYS[2] queue: waiters by arrival
-- KEYS[3] fence: the highest fence given out, forgotten a week after its last use
-- ARGV[1] token: who asks
-- ARGV[2] ttlMs: how long it may hold without extending
-- Reply: the fence when taken (or already ours); 0 when another holds it; -1 when free but queued for
local isQueued = redis.call('EXISTS', KEYS[2]) == 1
local holder
if isQueued then
  holder = redis.call('GET', KEYS[1])
else
  holder = redis.call('SET', KEYS[1], ARGV[1], 'NX', 'GET', 'PX', ARGV[2])
end
if holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return tonumber(redis.call('GET', KEYS[3]) or 1)
end
if holder then return 0 end
if isQueued then return -1 end

local time = redis.call('TIME')
local fence = time[1] * 1000000 + time[2]
local before = tonumber(redis.call('SET', KEYS[3], fence, 'GET', 'PX', 604800000) or 0) or 0
if before >= fence then
  -- The clock stepped back: go on counting from where we were.
  fence = before + 1
  redis.call('SET', KEYS[3], fence, 'PX', 604800000)
end
return fence
