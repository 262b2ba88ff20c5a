#!lua
-- Takes a free lock that nobody queues for. Sent twice, it answers the same.
-- KEYS[1] lock: token of the holder, with a TTL
-- KEYS[2] queue: waiters by arrival
-- KEYS[3] fence: the highest fence given out
-- ARGV[1] token: who asks
-- ARGV[2] ttlMs: how long it may hold without extending
-- ARGV[3] fenceTtlMs: how long an unused fence is remembered
-- Reply: the fence when taken (or already ours); 0 when another holds it; -1 when free but queued for
local queued = redis.call('EXISTS', KEYS[2]) == 1
local holder
if queued then
  holder = redis.call('GET', KEYS[1])
else
  holder = redis.call('SET', KEYS[1], ARGV[1], 'NX', 'GET', 'PX', ARGV[2])
end
if holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return tonumber(redis.call('GET', KEYS[3]))
end
if holder then return 0 end
if queued then return -1 end
local time = redis.call('TIME')
local fence = time[1] * 1000000 + time[2]
local before = tonumber(redis.call('SET', KEYS[3], string.format('%.0f', fence), 'GET', 'PX', ARGV[3]) or 0) or 0
if before >= fence then
  -- The clock stepped back: go on counting from where we were.
  fence = before + 1
  redis.call('SET', KEYS[3], string.format('%.0f', fence), 'PX', ARGV[3])
end
return fence
