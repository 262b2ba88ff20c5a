#!lua
-- Puts waiters into the queue, or says that they still wait; if the lock is free, hands it to the first that lives.
-- KEYS[1] lock: token of the holder, with a TTL
-- KEYS[2] queue: waiters by arrival
-- KEYS[3] fence: the highest fence given out
-- KEYS[4] waiting: waiter -> "leaseUntilMs ttlMs"
-- ARGV[1] nonce: of the asking client, told of a grant by this reply instead of a message
-- ARGV[2] wake: start of the channels on which clients listen; a nonce follows
-- ARGV[3] publish: PUBLISH, or SPUBLISH in a cluster
-- ARGV[4] fenceTtlMs: how long an unused fence is remembered
-- ARGV[5] leaseMs: a waiter silent for this long beyond the time it was told to wait counts as dead
-- ARGV[6] heartbeatMs: the longest time a waiter is told to wait
-- ARGV[7] stay: 1 to queue, 0 to ask once and leave
-- ARGV[8...] token, ttlMs, arrival of each waiter; arrival is 0 when it comes for the first time
-- Reply: {token granted or '', its fence, holder or '', its pttl, rank of the first waiter or -1, arrival of each...}
local time = redis.call('TIME')
local nowUs = time[1] * 1000000 + time[2]
local nowMs = math.floor(nowUs / 1000)
local holder = redis.call('GET', KEYS[1])
local pttl = holder and redis.call('PTTL', KEYS[1]) or 0
local span = math.min(math.max(pttl, 0), tonumber(ARGV[6])) + ARGV[5]
local last = tonumber(redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2] or 0)
local reply = { '', 0, '', 0, -1 }

for i = 8, #ARGV, 3 do
  local token, ttl, arrival = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if token == holder then
    -- The grant was made before, but its message or reply was lost.
    redis.call('PEXPIRE', KEYS[1], ttl)
    reply[1], reply[2] = token, tonumber(redis.call('GET', KEYS[3]) or 1)
  else
    if arrival == '0' then
      last = math.max(last + 1, nowUs)
      redis.call('ZADD', KEYS[2], 'NX', string.format('%.0f', last), token)
      arrival = redis.call('ZSCORE', KEYS[2], token)
    else
      redis.call('ZADD', KEYS[2], 'NX', arrival, token)
    end
    redis.call('HSET', KEYS[4], token, string.format('%.0f ', nowMs + span) .. ttl)
  end
  reply[#reply + 1] = arrival
end
for i = 2, 4, 2 do
  if redis.call('PTTL', KEYS[i]) < span then redis.call('PEXPIRE', KEYS[i], span) end
end

if not holder then
  local fence = math.max(nowUs, (tonumber(redis.call('GET', KEYS[3]) or 0) or 0) + 1)
  local fenceText = string.format('%.0f', fence)
  local head = redis.call('ZPOPMIN', KEYS[2])
  while head[1] and not holder do
    local token = head[1]
    local lease, ttl = string.match(redis.call('HGET', KEYS[4], token) or '', '^(%d+) (%d+)$')
    local nonce = string.match(token, '^qd1:([^:]+):') or ''
    redis.call('HDEL', KEYS[4], token)
    -- Nobody hears the channel of a client that died: its waiters are dropped here, at once.
    if lease and tonumber(lease) >= nowMs
      and (nonce == ARGV[1] or redis.call(ARGV[3], ARGV[2] .. nonce, token .. ' ' .. fenceText) > 0) then
      redis.call('SET', KEYS[1], token, 'PX', ttl)
      redis.call('SET', KEYS[3], fenceText, 'PX', ARGV[4])
      holder = token
      if nonce == ARGV[1] then reply[1], reply[2] = token, fence end
    else
      head = redis.call('ZPOPMIN', KEYS[2])
    end
  end
end

if ARGV[7] == '0' then
  for i = 8, #ARGV, 3 do
    redis.call('ZREM', KEYS[2], ARGV[i])
    redis.call('HDEL', KEYS[4], ARGV[i])
  end
end
for i = 8, #ARGV, 3 do
  if ARGV[i] ~= reply[1] then
    reply[5] = redis.call('ZRANK', KEYS[2], ARGV[i]) or -1
    break
  end
end
if holder then reply[3], reply[4] = holder, redis.call('PTTL', KEYS[1]) end
return reply
