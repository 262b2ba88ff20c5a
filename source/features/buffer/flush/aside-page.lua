#!lua flags=no-writes
-- Ids that are set aside, a page of a scan at a time. Long ids are cut; a reason too long to be one of ours is left out.
-- KEYS[1] aside: zset id -> count that SQL refuses
-- KEYS[2] why: hash id aside -> JSON
-- KEYS[3] due: zset id aside -> epoch ms from which on it is tried again
-- ARGV[1] cursor: '0' to begin
-- ARGV[2] longest: bytes of an id
-- ARGV[3] longestWhy: bytes of a reason
-- ARGV[4] budget: bytes; with this many the page ends
-- Reply: {cursor, '0' at the end; id, how long it is if it was cut or '', count, JSON or '', epoch ms or '', ...}
-- @include ../../../redis/cut-text.lua
local longest, longestWhy, budget = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local reply, bytes = { ARGV[1] }, 0
repeat
  local page = redis.call('ZSCAN', KEYS[1], reply[1], 'COUNT', 10)
  reply[1] = page[1]
  for i = 1, #page[2], 2 do
    local id, length = cutText(page[2][i], longest)
    local why = redis.call('HSTRLEN', KEYS[2], page[2][i]) <= longestWhy and redis.call('HGET', KEYS[2], page[2][i])
    local due = redis.call('ZSCORE', KEYS[3], page[2][i])
    local n = #reply
    reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] = id, length, page[2][i + 1], why or '', due or ''
    bytes = bytes + #id + #reply[n + 4] + 50
  end
until reply[1] == '0' or bytes >= budget
return reply
