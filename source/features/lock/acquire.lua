#!lua
-- Takes free locks that nobody queues for, each by itself. Sent twice, it answers the same.
-- KEYS[1...] lock, queue, fence of each lock; the fence is forgotten a week after its last use
-- ARGV[1...] token, ttlMs of each lock: who asks, and how long it may hold without extending
-- Reply: for each its fence when taken (or already ours); 0 when another holds it; -1 when free but queued for; a
-- Reply: text when it failed, such as for a key that holds other data
local time = redis.call('TIME')
local tenth = math.floor((time[1] * 1000000 + time[2]) / 100000) * 100000
local replies = {}

for i = 1, #KEYS / 3 do
  local lock, counter, token, ttl = KEYS[3 * i - 2], KEYS[3 * i], ARGV[2 * i - 1], ARGV[2 * i]
  local isQueued = redis.call('EXISTS', KEYS[3 * i - 1]) == 1
  local holder, reply
  if isQueued then
    holder = redis.pcall('GET', lock)
  else
    holder = redis.pcall('SET', lock, token, 'NX', 'GET', 'PX', ttl)
  end
  if holder == token then
    redis.call('PEXPIRE', lock, ttl)
    reply = tonumber(redis.call('GET', counter) or 1)
  elseif holder then
    reply = type(holder) == 'table' and holder.err or 0
  elseif isQueued then
    reply = -1
  else
    reply = redis.pcall('INCR', counter)
    if type(reply) == 'table' then
      redis.call('DEL', lock)
      reply = reply.err
    elseif reply < tenth then
      reply = tenth
      redis.call('SET', counter, tenth, 'PX', 604800000)
    end
  end
  replies[i] = reply
end
return replies
