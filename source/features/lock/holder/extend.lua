#!lua flags=allow-oom
-- Lets the holder hold for another TTL, counted from now.
-- KEYS[1] lock: token of the holder, with a TTL
-- KEYS[2] fence: the highest fence given out
-- ARGV[1] token: who asks
-- ARGV[2] ttlMs: how long it may hold without extending again
-- Reply: the holder's fence, or 0 when the lock is not held by this token
-- @include ./fence.lua
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1]) ~= ARGV[1] then return 0 end
local fence = heldFence(KEYS[2])
redis.pcall('PEXPIRE', KEYS[2], 604800000)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return fence
