-- @include ./fence.lua

-- Gives a free lock to its first waiter that lives. Returns its token, its fence, and whether it waits at the client
-- with this nonce; nothing when nobody waits. When it fails, the lock is free and the queue is as it was.
local function handOver(lock, queue, counter, waiting, nonce)
  while true do
    local token, arrival = unpack(redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES'))
    if not token then return end
    local lease, ttl, publish, channel =
      string.match(redis.call('HGET', waiting, token) or '', '^(%d+) (%d+) (%u+) (.*)$')
    local time = redis.call('TIME')
    local isGranted = lease and tonumber(lease) >= time[1] * 1000 + time[2] / 1000
    redis.call('ZREM', queue, token)
    local isOurs = string.match(token, '^qd1:([^:]+):') == nonce
    if isGranted then
      local isSet, fence = pcall(function()
        local fence = nextFence(counter)
        redis.call('SET', lock, token, 'PX', ttl)
        return fence
      end)
      if not isSet then
        redis.pcall('ZADD', queue, arrival, token)
        error(fence)
      end
      redis.pcall('HDEL', waiting, token)
      -- Nobody hears the channel of a client that died: the next one has it at once. One without a channel asks now
      -- and then; and where we may not publish, it cannot be known: the lease decides.
      local listeners = not isOurs and channel ~= '' and redis.pcall(publish, channel, token .. string.format(' %.0f', fence))
      if listeners ~= 0 then return token, fence, isOurs end
      redis.call('DEL', lock)
    else
      redis.pcall('HDEL', waiting, token)
    end
  end
end
