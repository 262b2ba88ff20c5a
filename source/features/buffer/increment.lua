#!lua
-- Counts a producer's aggregated increments, once for each sequence number.
-- KEYS[1] pending: zset id -> count
-- KEYS[2] oldest: string, epoch ms; nothing in `pending` is older
-- KEYS[3] guard: string, the last sequence number this producer has applied
-- ARGV[1] sequence: whole number, rising by one with each call of this producer
-- ARGV[2] guardMs: how long the guard outlives the producer's last call
-- ARGV[3...] id, by: pairs; `by` is a whole number from 1 to 2^53 - 1, each id at most once
-- Reply: the last id's pending count; or the error COUNT_TOO_LARGE, with nothing changed
local pending, oldest, guard = KEYS[1], KEYS[2], KEYS[3]
local last = ARGV[#ARGV - 1]

-- Sent again after a lost reply: it has been counted.
if tonumber(redis.call('GET', guard) or '0') >= tonumber(ARGV[1]) then
  return redis.call('ZSCORE', pending, last) or '0'
end

local wasEmpty = redis.call('ZCARD', pending) == 0
if not wasEmpty then
  for i = 3, #ARGV, 2 do
    local count = redis.call('ZSCORE', pending, ARGV[i])
    -- Scores are doubles: past 2^53 an increment would silently vanish.
    if count and tonumber(count) + tonumber(ARGV[i + 1]) > 9007199254740991 then
      return redis.error_reply('COUNT_TOO_LARGE ' .. ARGV[i])
    end
  end
end

local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
if wasEmpty then redis.call('SET', oldest, now) else redis.call('SET', oldest, now, 'NX') end
local count
for i = 3, #ARGV, 2 do
  count = redis.call('ZINCRBY', pending, ARGV[i + 1], ARGV[i])
end
redis.call('SET', guard, ARGV[1], 'PX', ARGV[2])
return count
