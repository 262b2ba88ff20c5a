#!lua flags=no-writes
-- Stored messages, whoever has seen them; what grows too long ends early.
-- KEYS[1] messages: zset JSON -> id
-- ARGV[1] after: only messages with a higher id
-- ARGV[2] limit: at most so many
-- ARGV[3] newest: 1 for the newest, newest first; 0 for the oldest, oldest first
-- Reply: {JSON, id, JSON, id, ...}
-- @include ./cut-messages.lua
local from = '(' .. ARGV[1]
local stored
if ARGV[3] == '1' then
  stored = redis.call('ZRANGE', KEYS[1], '+inf', from, 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
else
  stored = redis.call('ZRANGE', KEYS[1], from, '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
end
local page = cutMessages(stored, 524288, 2097152)
return page
