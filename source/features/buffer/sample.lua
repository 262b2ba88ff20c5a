#!lua flags=no-writes
-- Some ids and their counts, taken at random where there are more. Long ids are cut.
-- KEYS[1] pending: zset id -> count
-- ARGV[1] most: so many at most
-- ARGV[2] longest: bytes of an id
-- Reply: {how many ids there are; id, count, ...}
-- @include ../../redis/cut-text.lua
local reply = { redis.call('ZCARD', KEYS[1]) }
local flat = redis.call('ZRANDMEMBER', KEYS[1], ARGV[1], 'WITHSCORES')
for i = 1, #flat, 2 do
  reply[#reply + 1] = cutText(flat[i], tonumber(ARGV[2]))
  reply[#reply + 1] = flat[i + 1]
end
return reply
