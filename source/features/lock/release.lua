#!lua flags=allow-oom
-- Frees a lock and hands it to the first waiter that lives; takes a waiter out of the queue that waits no longer.
-- KEYS[1] lock: token of the holder, with a TTL
-- KEYS[2] queue: waiters by arrival
-- KEYS[3] fence: the highest fence given out
-- KEYS[4] waiting: waiter -> "leaseUntilMs ttlMs"
-- ARGV[1] token: who gives up the lock, or its place in the queue
-- ARGV[2] nonce: of the asking client, told of a grant by this reply instead of a message
-- ARGV[3] wake: start of the channels on which clients listen; a nonce follows
-- ARGV[4] publish: PUBLISH, or SPUBLISH in a cluster
-- ARGV[5] fenceTtlMs: how long an unused fence is remembered
-- Reply: 0 when the token did not hold it; 1 when freed; {token, fence} when handed to a waiter of the asking client
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('HDEL', KEYS[4], ARGV[1])
  return 0
end
redis.call('DEL', KEYS[1])
if redis.call('EXISTS', KEYS[2]) == 0 then return 1 end

local time = redis.call('TIME')
local fence = math.max(time[1] * 1000000 + time[2], (tonumber(redis.call('GET', KEYS[3]) or 0) or 0) + 1)
local fenceText = string.format('%.0f', fence)
local head = redis.call('ZPOPMIN', KEYS[2])
while head[1] do
  local token = head[1]
  local lease, ttl = string.match(redis.call('HGET', KEYS[4], token) or '', '^(%d+) (%d+)$')
  local nonce = string.match(token, '^qd1:([^:]+):') or ''
  redis.call('HDEL', KEYS[4], token)
  -- Nobody hears the channel of a client that died: its waiters are dropped here, at once.
  if lease and tonumber(lease) >= time[1] * 1000 + time[2] / 1000
    and (nonce == ARGV[2] or redis.call(ARGV[4], ARGV[3] .. nonce, token .. ' ' .. fenceText) > 0) then
    redis.call('SET', KEYS[1], token, 'PX', ttl)
    redis.call('SET', KEYS[3], fenceText, 'PX', ARGV[5])
    if nonce == ARGV[2] then return { token, fence } end
    return 1
  end
  head = redis.call('ZPOPMIN', KEYS[2])
end
return 1
