#!lua flags=allow-oom
-- Gives a subject one of its limits back. What was spent is kept for a while, so that this can be taken back.
-- KEYS[1] state: of the limit
-- KEYS[2] kept: where it goes, named after this one reset
-- ARGV[1] keepMs: how long it is kept at most; it ends with the state's own end
-- Reply: 1 when something was spent, else 0
-- Sent twice it answers the same, and what was spent in between stays.

if redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[1], 'LT')
return 1
