#!lua
-- Puts waiters into the queue, or says that they still wait; if the lock is free, hands it to the first that lives.
-- KEYS[1] lock: token of the holder, with a TTL
-- KEYS[2] queue: waiters by arrival
-- KEYS[3] fence: the highest fence given out
-- KEYS[4] waiting: waiter -> "leaseUntilMs ttlMs PUBLISH|SPUBLISH channel"; without a channel it asks now and then
-- ARGV[1] nonce: of the asking client: this reply, not a message, tells it of a grant
-- ARGV[2] hears: PUBLISH, or SPUBLISH in a cluster; then a space and the channel which the asking client hears, if any
-- ARGV[3] leaseMs: a waiter silent for this long beyond the time it was given to wait counts as dead
-- ARGV[4] heartbeatMs: the longest time a waiter is given to wait
-- ARGV[5] stay: 1 to queue, 0 to ask once and leave
-- ARGV[6...] token, ttlMs, arrival of each waiter; arrival is 0 when it comes for the first time
-- Reply: {token granted or '', its fence, holder's first 2048 bytes or '', its pttl or -2, rank of the first waiter or
-- Reply: -1, a fence below that of any later grant, arrival of each...}
-- @include ./hand-over.lua
local time = redis.call('TIME')
local nowUs = time[1] * 1000000 + time[2]
local nowMs = math.floor(nowUs / 1000)
local pttl = redis.call('PTTL', KEYS[1])
local holder = redis.call('GETRANGE', KEYS[1], 0, 2047)
local span = math.min(math.max(pttl, 0), tonumber(ARGV[4])) + ARGV[3]
local reply = { '', 0, '', 0, -1, nowUs }

local function leave()
  for i = 6, #ARGV, 3 do
    redis.pcall('ZREM', KEYS[2], ARGV[i])
    redis.pcall('HDEL', KEYS[4], ARGV[i])
  end
end

local function queueUp()
  local last = tonumber(redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2] or 0)
  for i = 6, #ARGV, 3 do
    local token, ttl, arrival = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    if token == holder then
      -- The grant was made before, but its message or reply was lost.
      redis.pcall('PEXPIRE', KEYS[1], ttl)
      reply[1], reply[2] = token, heldFence(KEYS[3])
    else
      redis.call('HSET', KEYS[4], token, string.format('%.0f %s %s', nowMs + span, ttl, ARGV[2]))
      if arrival == '0' then
        last = math.max(last + 1, nowUs)
        redis.call('ZADD', KEYS[2], 'NX', last, token)
        arrival = redis.call('ZSCORE', KEYS[2], token)
      else
        redis.call('ZADD', KEYS[2], 'NX', arrival, token)
      end
    end
    reply[#reply + 1] = arrival
  end
  for i = 2, 4, 2 do
    if redis.call('PTTL', KEYS[i]) < span then redis.call('PEXPIRE', KEYS[i], span) end
  end
  reply[6] = lastFence(KEYS[3]) or nowUs
  if pttl == -2 then
    local token, fence, isOurs = handOver(KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1])
    if isOurs then reply[1], reply[2] = token, fence end
    holder = token or ''
  end
end

local isQueued, failure = pcall(queueUp)
if not isQueued or ARGV[5] == '0' then leave() end
if not isQueued then return type(failure) == 'table' and failure or redis.error_reply(failure) end
for i = 6, #ARGV, 3 do
  if ARGV[i] ~= reply[1] then
    reply[5] = redis.call('ZRANK', KEYS[2], ARGV[i]) or -1
    break
  end
end
reply[3], reply[4] = holder, redis.call('PTTL', KEYS[1])
return reply
