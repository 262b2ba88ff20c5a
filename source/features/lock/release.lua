#!lua flags=allow-oom
-- Frees a lock and hands it to the first waiter that lives; takes a waiter out of the queue that waits no longer.
-- KEYS[1] lock: token of the holder, with a TTL
-- KEYS[2] queue: waiters by arrival
-- KEYS[3] fence: the highest fence given out, forgotten a week after its last use
-- KEYS[4] waiting: waiter -> "leaseUntilMs ttlMs PUBLISH|SPUBLISH channel"
-- ARGV[1] token: who gives up the lock, or its place in the queue
-- ARGV[2] nonce: of the asking client: this reply, not a message, tells it of a grant
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
local head = redis.call('ZPOPMIN', KEYS[2])[1]
while head do
  local about = redis.call('HGET', KEYS[4], head) or ''
  local lease, ttl, publish, channel = string.match(about, '^(%d+) (%d+) (%u+) (.*)$')
  local isOurs = string.match(head, '^qd1:([^:]+):') == ARGV[2]
  redis.call('HDEL', KEYS[4], head)
  -- Nobody hears the channel of a client that died: its waiters are dropped here, at once.
  if lease and tonumber(lease) >= time[1] * 1000 + time[2] / 1000
    and (isOurs or redis.call(publish, channel, head .. string.format(' %.0f', fence)) > 0) then
    redis.call('SET', KEYS[1], head, 'PX', ttl)
    redis.call('SET', KEYS[3], fence, 'PX', 604800000)
    if isOurs then return { head, fence } end
    return 1
  end
  head = redis.call('ZPOPMIN', KEYS[2])[1]
end
return 1
