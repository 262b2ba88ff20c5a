#!lua flags=allow-oom
-- Takes names out of an index that nobody registered lately and that name nothing any more. What still exists is
-- looked at again after all others. A name that was registered meanwhile stays as it is.
-- KEYS[1] index: name -> epoch ms when it was last registered
-- ARGV[1] staleMs: what was registered before this is stale
-- ARGV[2] gone: how many of the names that follow are gone; those come first
-- ARGV[3...] name
-- Reply: how many were taken out
local stale, firstKept = tonumber(ARGV[1]), 3 + ARGV[2]
local removed = 0
for i = 3, #ARGV do
  local registered = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]) or '')
  if registered and registered < stale then
    if i < firstKept then
      removed = removed + redis.call('ZREM', KEYS[1], ARGV[i])
    else
      redis.call('ZADD', KEYS[1], 'XX', stale, ARGV[i])
    end
  end
end
return removed
