#!lua
-- Puts waiters into the queue, or says that they still wait; if the lock is free, hands it to the first that lives.
-- KEYS[1] lock: token of the holder, with a TTL
-- KEYS[2] queue: waiters by arrival
-- KEYS[3] fence: the highest fence given out, forgotten a week after its last use
-- KEYS[4] waiting: waiter -> "leaseUntilMs ttlMs PUBLISH|SPUBLISH channel"
-- ARGV[1] nonce: of the asking client: this reply, not a message, tells it of a grant
-- ARGV[2] hears: PUBLISH, or SPUBLISH in a cluster; then a space and the channel which the asking client hears
-- ARGV[3] leaseMs: a waiter silent for this long beyond the time it was told to wait counts as dead
-- ARGV[4] heartbeatMs: the longest time a waiter is told to wait
-- ARGV[5] stay: 1 to queue, 0 to ask once and leave
-- ARGV[6...] token, ttlMs, arrival of each waiter; arrival is 0 when it comes for the first time
-- Reply: {token granted or '', its fence, holder or '', its pttl, rank of the first waiter or -1, arrival of each...}
local time = redis.call('TIME')
local nowUs = time[1] * 1000000 + time[2]
local nowMs = math.floor(nowUs / 1000)
local holder = redis.call('GET', KEYS[1])
local pttl = holder and redis.call('PTTL', KEYS[1]) or 0
local span = math.min(math.max(pttl, 0), tonumber(ARGV[4])) + ARGV[3]
local last = tonumber(redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2] or 0)
local reply = { '', 0, '', 0, -1 }

for i = 6, #ARGV, 3 do
  local token, ttl, arrival = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if token == holder then
    -- The grant was made before, but its message or reply was lost.
    redis.call('PEXPIRE', KEYS[1], ttl)
    reply[1], reply[2] = token, tonumber(redis.call('GET', KEYS[3]) or 1)
  else
    if arrival == '0' then
      last = math.max(last + 1, nowUs)
      redis.call('ZADD', KEYS[2], 'NX', last, token)
      arrival = redis.call('ZSCORE', KEYS[2], token)
    else
      redis.call('ZADD', KEYS[2], 'NX', arrival, token)
    end
    redis.call('HSET', KEYS[4], token, string.format('%.0f %s %s', nowMs + span, ttl, ARGV[2]))
  end
  reply[#reply + 1] = arrival
end
for i = 2, 4, 2 do
  if redis.call('PTTL', KEYS[i]) < span then redis.call('PEXPIRE', KEYS[i], span) end
end

while not holder do
  local head = redis.call('ZPOPMIN', KEYS[2])[1]
  if not head then break end
  local about = redis.call('HGET', KEYS[4], head) or ''
  local lease, ttl, publish, channel = string.match(about, '^(%d+) (%d+) (%u+) (.*)$')
  local isOurs = string.match(head, '^qd1:([^:]+):') == ARGV[1]
  redis.call('HDEL', KEYS[4], head)
  if lease and tonumber(lease) >= nowMs then
    local tenth = math.floor(nowUs / 100000) * 100000
    local fence = redis.call('INCR', KEYS[3])
    if fence < tenth then
      fence = tenth
      redis.call('SET', KEYS[3], fence, 'PX', 604800000)
    end
    -- Nobody hears the channel of a client that died: its waiters are dropped here, at once.
    if isOurs or redis.call(publish, channel, head .. string.format(' %.0f', fence)) > 0 then
      redis.call('SET', KEYS[1], head, 'PX', ttl)
      holder = head
      if isOurs then reply[1], reply[2] = head, fence end
    end
  end
end

if ARGV[5] == '0' then
  for i = 6, #ARGV, 3 do
    redis.call('ZREM', KEYS[2], ARGV[i])
    redis.call('HDEL', KEYS[4], ARGV[i])
  end
end
for i = 6, #ARGV, 3 do
  if ARGV[i] ~= reply[1] then
    reply[5] = redis.call('ZRANK', KEYS[2], ARGV[i]) or -1
    break
  end
end
if holder then reply[3], reply[4] = holder, redis.call('PTTL', KEYS[1]) end
return reply
