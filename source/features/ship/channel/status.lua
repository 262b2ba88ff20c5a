#!lua flags=no-writes
-- Everything about one channel but its files, in one look.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] files: hash file -> JSON, how far each one is
-- KEYS[4] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- KEYS[5] members: zset member -> id of the last message seen
-- KEYS[6] messages: zset JSON -> id
-- KEYS[7] aside: hash consumer:part -> JSON, parts that a consumer set aside
-- ARGV[1] limit: about so many parts, and parts set aside, at most
-- Reply: {epoch ms, settings, who, {member, cursor, messages behind it, ...}, {part, JSON, ...}, how many parts, how many files,
--   {consumer:part, JSON, ...}, how many are set aside}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local count = redis.call('HLEN', KEYS[2])
local parts = count <= tonumber(ARGV[1]) and redis.call('HGETALL', KEYS[2])
  or redis.call('HSCAN', KEYS[2], '0', 'COUNT', ARGV[1])[2]
local asides = redis.call('HLEN', KEYS[7])
local aside = asides <= tonumber(ARGV[1]) and redis.call('HGETALL', KEYS[7])
  or redis.call('HSCAN', KEYS[7], '0', 'COUNT', ARGV[1])[2]
local members = {}
for id in (redis.call('HGET', KEYS[1], 'expect') or ''):gmatch('%S+') do
  local cursor = redis.call('ZSCORE', KEYS[5], id) or '0'
  members[#members + 1] = id
  members[#members + 1] = cursor
  members[#members + 1] = redis.call('ZCOUNT', KEYS[6], '(' .. cursor, '+inf')
end
return {
  now, redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[4]), members, parts, count, redis.call('HLEN', KEYS[3]),
  aside, asides,
}
