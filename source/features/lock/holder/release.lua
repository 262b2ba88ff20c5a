#!lua flags=allow-oom
-- Frees locks, and hands each to its first waiter that lives; takes waiters out of the queue that wait no longer.
-- KEYS[1...] lock, queue, fence, waiting of each lock
-- ARGV[1] nonce: of the asking client: this reply, not a message, tells it of a grant
-- ARGV[2...] token for each lock: who gives it up, or its place in the queue; the first 2048 bytes of a longer one
-- Reply: for each 0 when the token did not hold it; 1 when freed; {token, fence} when handed to a waiter of the asking
-- Reply: client; a text when it failed, such as for a key that holds other data
-- @include ./hand-over.lua

local function giveUp(lock, queue, counter, waiting, token)
  if redis.call('GETRANGE', lock, 0, math.min(#token, 2047)) ~= token then
    redis.call('ZREM', queue, token)
    redis.pcall('HDEL', waiting, token)
    return 0
  end
  redis.call('DEL', lock)
  -- From here on it is free. Where it cannot be handed over, whoever is first in line finds it so.
  local isHandedOver, next, fence, isOurs = pcall(handOver, lock, queue, counter, waiting, ARGV[1])
  return isHandedOver and isOurs and { next, fence } or 1
end

local replies = {}
for i = 1, #KEYS / 4 do
  local isAnswered, reply =
    pcall(giveUp, KEYS[4 * i - 3], KEYS[4 * i - 2], KEYS[4 * i - 1], KEYS[4 * i], ARGV[i + 1])
  replies[i] = isAnswered and reply or type(reply) == 'table' and reply.err or tostring(reply)
end
return replies
