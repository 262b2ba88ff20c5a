#!lua flags=no-writes
-- What is known of some locks, which in a cluster share a slot. Long values are cut: other programs may write anything.
-- KEYS[1...] lock, queue, fence of each
-- ARGV[1] first: the place in each queue of the first waiter wanted, from 0
-- ARGV[2] most: how many waiters of each are wanted
-- Reply: {server time in us, one for each lock...}, which is {holder or '', its pttl or -2, its fence, '' or false where
-- Reply: that key is unreadable, length of the queue, token, arrival of each waiter...}; or {key, error} when that key
-- Reply: is unreadable
local first, most = tonumber(ARGV[1]), tonumber(ARGV[2])

local function inspect(lock, queue, counter)
  local holder = redis.pcall('GETRANGE', lock, 0, 2047)
  if type(holder) == 'table' then return { lock, holder.err } end
  local length = redis.pcall('ZCARD', queue)
  if type(length) == 'table' then return { queue, length.err } end
  local fence = redis.pcall('GETRANGE', counter, 0, 31)
  local one = { holder, redis.call('PTTL', lock), type(fence) == 'string' and fence, length }
  if length > first and most > 0 then
    for _, word in ipairs(redis.call('ZRANGE', queue, first, first + most - 1, 'WITHSCORES')) do
      one[#one + 1] = string.sub(word, 1, 2048)
    end
  end
  return one
end

local time = redis.call('TIME')
local reply = { time[1] * 1000000 + time[2] }
for i = 1, #KEYS, 3 do
  reply[#reply + 1] = inspect(KEYS[i], KEYS[i + 1], KEYS[i + 2])
end
return reply
