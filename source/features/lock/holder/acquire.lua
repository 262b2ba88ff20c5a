#!lua
-- Takes free locks that nobody queues for, each by itself. Sent twice, it answers the same.
-- KEYS[1...] lock, queue, fence of each lock
-- ARGV[1...] token, ttlMs of each lock: who asks, and how long it may hold without extending
-- Reply: for each its fence when taken (or already ours); 0 when another holds it; -1 when free but queued for; a
-- Reply: text when it failed, such as for a key that holds other data
-- @include ./fence.lua

local function take(lock, queue, counter, token, ttl)
  local isQueued = redis.call('EXISTS', queue) == 1
  if not isQueued and redis.call('SET', lock, token, 'NX', 'PX', ttl) then
    local isFenced, fence = pcall(nextFence, counter)
    if isFenced then return fence end
    redis.call('DEL', lock)
    error(fence)
  end
  -- No more than decides: what another program keeps there may be large.
  if redis.call('GETRANGE', lock, 0, #token) == token then
    redis.pcall('PEXPIRE', lock, ttl)
    return heldFence(counter)
  end
  return isQueued and redis.call('EXISTS', lock) == 0 and -1 or 0
end

local replies = {}
for i = 1, #KEYS / 3 do
  local isAnswered, reply = pcall(take, KEYS[3 * i - 2], KEYS[3 * i - 1], KEYS[3 * i], ARGV[2 * i - 1], ARGV[2 * i])
  replies[i] = isAnswered and reply or type(reply) == 'table' and reply.err or tostring(reply)
end
return replies
