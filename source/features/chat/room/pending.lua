#!lua flags=no-writes
-- What a member has not seen yet, oldest first; a page that grows too long ends early. Marks nothing.
-- KEYS[1] members: zset member -> id of the last message seen
-- KEYS[2] ids: counter of the room's messages
-- KEYS[3] messages: zset JSON -> id
-- ARGV[1] member: whose messages
-- ARGV[2] after: leave out messages up to this id; the member's cursor when empty
-- ARGV[3] limit: at most so many
-- Reply: {'pending', the member's cursor, {JSON, id, JSON, id, ...}}, {'stranger'} or {'unknown'}
-- @include ./cut-messages.lua
local cursor = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not cursor then return { redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 and 'unknown' or 'stranger' } end
local from = '(' .. (ARGV[2] == '' and cursor or ARGV[2])
local stored = redis.call('ZRANGE', KEYS[3], from, '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[3], 'WITHSCORES')
local page = cutMessages(stored, 524288, 2097152)
return { 'pending', cursor, page }
