#!lua flags=allow-oom
-- Gives up a subscriber's lease; those standing by are notified.
-- KEYS[1] leases: hash, subscriber -> `<token> <seen ms> ...`
-- ARGV[1] name: the subscriber
-- ARGV[2] token: this process
-- ARGV[3] publish: PUBLISH, or SPUBLISH in Cluster
-- ARGV[4] channel: of the topic
-- Reply: 1 when the lease was ours, else 0
local served = redis.call('HGET', KEYS[1], ARGV[1])
local token, rest = string.match(served or '', '^(%S+) %d+ (.*)$')
if token ~= ARGV[2] then return 0 end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], ARGV[1], '- ' .. now .. ' ' .. rest)
redis.pcall(ARGV[3], ARGV[4], 'seat')
return 1
