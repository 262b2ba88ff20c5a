#!lua flags=no-writes
-- Reads the index of limits, the most recently noted first.
-- KEYS[1] index: zset of limits, by when they were last noted
-- KEYS[2] most: hash of the max of each limit
-- KEYS[3] denied: hash of the refusals of each limit
-- ARGV[1] count: how many to read at most
-- ARGV[2] skip: how many to leave out before
-- ARGV[3] longest: bytes; longer members are no limits of ours, and are left out
-- Reply: server ms, how many there are, how many were met, then member, max, refusals of each that is not left out

local clock = redis.call('TIME')
local from = tonumber(ARGV[2])
local members = redis.call('ZRANGE', KEYS[1], from, from + ARGV[1] - 1, 'REV')
local reply = { clock[1] * 1000 + math.floor(clock[2] / 1000), redis.call('ZCARD', KEYS[1]), #members }
for first = 1, #members, 1000 do
  local some = { unpack(members, first, math.min(#members, first + 999)) }
  local most = redis.call('HMGET', KEYS[2], unpack(some))
  local denied = redis.call('HMGET', KEYS[3], unpack(some))
  for i, member in ipairs(some) do
    if #member <= tonumber(ARGV[3]) then
      reply[#reply + 1] = member
      reply[#reply + 1] = string.sub(most[i] or '', 1, 20)
      reply[#reply + 1] = string.sub(denied[i] or '0', 1, 20)
    end
  end
end
return reply
