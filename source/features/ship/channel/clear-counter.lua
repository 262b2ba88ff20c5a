#!lua flags=allow-oom
-- Takes away the counter of a file that is gone, unless somebody has touched either since it was looked at.
-- KEYS[1] data: string, the file; must be gone
-- KEYS[2] counter: string, how many consumers have finished it
-- ARGV[1] count: what it stood at
-- Reply: 1 if it was taken away, else 0
if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('TYPE', KEYS[2]).ok ~= 'string' then return 0 end
if redis.call('GET', KEYS[2]) ~= ARGV[1] or redis.call('PTTL', KEYS[2]) ~= -1 then return 0 end
return redis.call('UNLINK', KEYS[2])
