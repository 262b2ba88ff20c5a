#!lua flags=allow-oom
-- Frees locks, and hands each to its first waiter that lives; takes waiters out of the queue that wait no longer.
-- KEYS[1...] lock, queue, fence, waiting of each lock
-- ARGV[1] nonce: of the asking client: this reply, not a message, tells it of a grant
-- ARGV[2...] token for each lock: who gives it up, or its place in the queue
-- Reply: for each 0 when the token did not hold it; 1 when freed; {token, fence} when handed to a waiter of the asking
-- Reply: client; a text when it failed, such as for a key that holds other data
local replies = {}

-- Gives the lock to the first waiter that lives, or to nobody.
local function handOver(lock, queue, counter, waiting)
  local head = redis.call('ZPOPMIN', queue)[1]
  while head do
    local time = redis.call('TIME')
    local about = redis.call('HGET', waiting, head) or ''
    local lease, ttl, publish, channel = string.match(about, '^(%d+) (%d+) (%u+) (.*)$')
    local isOurs = string.match(head, '^qd1:([^:]+):') == ARGV[1]
    redis.call('HDEL', waiting, head)
    if lease and tonumber(lease) >= time[1] * 1000 + time[2] / 1000 then
      local tenth = math.floor((time[1] * 1000000 + time[2]) / 100000) * 100000
      local fence = redis.call('INCR', counter)
      if fence < tenth then
        fence = tenth
        redis.call('SET', counter, fence, 'PX', 604800000)
      end
      -- Nobody hears the channel of a client that died: its waiters are dropped here, at once.
      if isOurs or redis.call(publish, channel, head .. string.format(' %.0f', fence)) > 0 then
        redis.call('SET', lock, head, 'PX', ttl)
        return isOurs and { head, fence } or 1
      end
    end
    head = redis.call('ZPOPMIN', queue)[1]
  end
  redis.call('DEL', lock)
  return 1
end

for i = 1, #KEYS / 4 do
  local lock, queue, token = KEYS[4 * i - 3], KEYS[4 * i - 2], ARGV[i + 1]
  local holder = redis.pcall('GET', lock)
  local reply
  if holder == token then
    local ok, handed = pcall(handOver, lock, queue, KEYS[4 * i - 1], KEYS[4 * i])
    if ok then
      reply = handed
    else
      redis.call('DEL', lock)
      reply = type(handed) == 'table' and handed.err or tostring(handed)
    end
  elseif type(holder) == 'table' then
    reply = holder.err
  else
    redis.pcall('ZREM', queue, token)
    redis.pcall('HDEL', KEYS[4 * i], token)
    reply = 0
  end
  replies[i] = reply
end
return replies
