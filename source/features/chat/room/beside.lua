#!lua flags=no-writes
-- What is pinned in a room, and when members last looked at it.
-- KEYS[1] pins: zset JSON -> id of the message
-- KEYS[2] here: zset member -> epoch ms of when they last looked
-- ARGV[1] most: at most so many pins, the oldest messages first
-- ARGV[2...] members: whose last look is asked for
-- Reply: {epoch ms, number of pins, {JSON, id, ...}, {epoch ms or '', ...} in the order of the members}
-- @include ./cut-messages.lua
local time = redis.call('TIME')
local stored = redis.call('ZRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1, 'WITHSCORES')
local looks = #ARGV > 1 and redis.call('ZMSCORE', KEYS[2], unpack(ARGV, 2)) or {}
for i = 1, #looks do looks[i] = looks[i] or '' end
local count = #stored / 2
if count == tonumber(ARGV[1]) then count = redis.call('ZCARD', KEYS[1]) end
return {
  string.format('%s%03d', time[1], math.floor(time[2] / 1000)),
  count,
  cutMessages(stored, 32768, 262144),
  looks,
}
