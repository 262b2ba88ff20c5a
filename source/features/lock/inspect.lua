#!lua flags=no-writes
-- Tells what is known of some locks, which in a cluster share a slot.
-- KEYS[1...] lock, queue, fence of each
-- ARGV[1] mostWaiters: how many waiters of each are told, from the head of the queue
-- Reply: {server time in us, {holder or '', pttl, fence or '', length of the queue, token, arrival...} for each lock}
local time = redis.call('TIME')
local reply = { time[1] * 1000000 + time[2] }
for i = 1, #KEYS, 3 do
  local holder = redis.pcall('GET', KEYS[i])
  local length = redis.pcall('ZCARD', KEYS[i + 1])
  if type(holder) == 'table' or type(length) == 'table' then
    -- Some other program's data: an empty list says so.
    reply[#reply + 1] = {}
  else
    local one = { holder or '', redis.call('PTTL', KEYS[i]), redis.pcall('GET', KEYS[i + 2]), length }
    if type(one[3]) ~= 'string' then one[3] = '' end
    if length > 0 and tonumber(ARGV[1]) > 0 then
      for _, word in ipairs(redis.call('ZRANGE', KEYS[i + 1], 0, ARGV[1] - 1, 'WITHSCORES')) do
        one[#one + 1] = word
      end
    end
    reply[#reply + 1] = one
  end
end
return reply
