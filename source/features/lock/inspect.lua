#!lua flags=no-writes
-- What is known of some locks, which in a cluster share a slot. Long values are cut: other programs may write anything.
-- KEYS[1...] lock, queue, fence of each
-- ARGV[1] first: the place in each queue of the first waiter wanted, from 0
-- ARGV[2] most: how many waiters of each are wanted
-- ARGV[3] longest: bytes of a token
-- ARGV[4] budget: bytes; with this many the reply ends: there are fewer waiters, and locks after it are not looked at
-- Reply: {server time in us, one for each lock that was looked at...}, which is {holder or '', its pttl or -2, its fence, ''
-- Reply: or false where that key is unreadable, length of the queue, token, arrival of each waiter...}; or {key, error} when
-- Reply: that key is unreadable
local first, most, longest, budget = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local spent = 0

local function inspect(lock, queue, counter)
  local holder = redis.pcall('GETRANGE', lock, 0, longest - 1)
  if type(holder) == 'table' then return { lock, holder.err } end
  local length = redis.pcall('ZCARD', queue)
  if type(length) == 'table' then return { queue, length.err } end
  local fence = redis.pcall('GETRANGE', counter, 0, 31)
  if fence == '' and redis.call('EXISTS', counter) == 1 then fence = false end
  local one = { holder, redis.call('PTTL', lock), type(fence) == 'string' and fence, length }
  spent = spent + #holder + 32
  local place, last = first, math.min(first + most, length) - 1
  -- Few at a time: nobody's long tokens are in memory beside many others.
  while place <= last and spent < budget do
    local some = redis.call('ZRANGE', queue, place, math.min(place + 9, last), 'WITHSCORES')
    if #some == 0 then break end
    for i = 1, #some, 2 do
      local token = string.sub(some[i], 1, longest)
      one[#one + 1], one[#one + 2] = token, some[i + 1]
      spent = spent + #token + #some[i + 1]
    end
    place = place + 10
  end
  return one
end

local time = redis.call('TIME')
local reply = { time[1] * 1000000 + time[2] }
for i = 1, #KEYS, 3 do
  if i > 1 and spent >= budget then break end
  reply[#reply + 1] = inspect(KEYS[i], KEYS[i + 1], KEYS[i + 2])
end
return reply
