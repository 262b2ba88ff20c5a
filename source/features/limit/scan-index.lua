#!lua flags=no-writes
-- Goes through the whole index of limits, some at a time and in no order: none that is there all the while is left out.
-- KEYS[1] index: zset of limits, by when they were last noted
-- KEYS[2] most: hash of the max of each limit
-- KEYS[3] denied: hash of the refusals of each limit
-- ARGV[1] cursor: 0 at first, then what the reply said
-- ARGV[2] match: pattern of members; * for all
-- ARGV[3] longest: bytes; longer members are no limits of ours, and are left out
-- Reply: server ms, the next cursor (0: that was all), how many were left out, then member, when it was noted, max,
--   refusals of each

local clock = redis.call('TIME')
local found = redis.call('ZSCAN', KEYS[1], ARGV[1], 'MATCH', ARGV[2], 'COUNT', 1000)
local reply = { clock[1] * 1000 + math.floor(clock[2] / 1000), found[1], 0 }
local members, noted = {}, {}
for i = 1, #found[2], 2 do
  if #found[2][i] <= tonumber(ARGV[3]) then
    members[#members + 1] = found[2][i]
    noted[#noted + 1] = found[2][i + 1]
  else
    reply[3] = reply[3] + 1
  end
end
for first = 1, #members, 1000 do
  local some = { unpack(members, first, math.min(#members, first + 999)) }
  local most = redis.call('HMGET', KEYS[2], unpack(some))
  local denied = redis.call('HMGET', KEYS[3], unpack(some))
  for i, member in ipairs(some) do
    reply[#reply + 1] = member
    reply[#reply + 1] = noted[first + i - 1]
    reply[#reply + 1] = string.sub(most[i] or '', 1, 20)
    reply[#reply + 1] = string.sub(denied[i] or '0', 1, 20)
  end
end
return reply
