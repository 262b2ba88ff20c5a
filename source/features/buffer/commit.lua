#!lua flags=allow-oom
-- Lets go of a batch once SQL has committed it, and puts back what SQL cannot take: fractions of a count, counts
-- that are not exact, ids that are not text. Very many of those come in several calls, the last of which lets go.
-- KEYS[1] pending: zset id -> count
-- KEYS[2] inflight: zset, the batch that was written to SQL; unchanged from its claim to here
-- KEYS[3] batch: hash of the batch in flight; `putBack` is the last part that was put back
-- KEYS[4] settled: zset batch id -> epoch ms of its commit here
-- ARGV[1] id: the batch that SQL has recorded
-- ARGV[2] part: 1, 2, ... of what to put back
-- ARGV[3] isLast: 1 to let go of the batch, else 0
-- ARGV[4] forgotten: how many words follow that are settled ids which SQL has forgotten meanwhile
-- ARGV[5...] those ids, then pairs of mode and id to put back: `fraction` or `all`
-- Reply: 1, or 0 if that batch is no longer in flight (somebody else let go of it)
local pending, inflight, batch, settled = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
if redis.call('HGET', batch, 'id') ~= ARGV[1] then return 0 end

local afterForgotten = 5 + tonumber(ARGV[4])
if tonumber(redis.call('HGET', batch, 'putBack') or '0') < tonumber(ARGV[2]) then
  for i = afterForgotten, #ARGV, 2 do
    local text = redis.call('ZSCORE', inflight, ARGV[i + 1])
    if text then
      local back = text
      if ARGV[i] == 'fraction' then back = string.format('%.17g', math.fmod(tonumber(text), 1)) end
      redis.call('ZINCRBY', pending, back, ARGV[i + 1])
    end
  end
  redis.call('HSET', batch, 'putBack', ARGV[2])
end

if ARGV[3] == '1' then
  local time = redis.call('TIME')
  redis.call('UNLINK', inflight, batch)
  redis.call('ZADD', settled, string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), ARGV[1])
  for i = 5, afterForgotten - 1 do redis.call('ZREM', settled, ARGV[i]) end
end
return 1
