#!lua flags=allow-oom
-- A consumer has finished small parts, one after the other, each a file of its own of which nothing is carried over.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- KEYS[4] members: zset member -> id of the last message seen
-- KEYS[5] messages: zset JSON -> id
-- KEYS[6] aside: hash consumer:part -> JSON, parts that a consumer set aside
-- KEYS[7] data: string; each part gives two keys
-- KEYS[8] counter: string, how many consumers have finished it
-- KEYS[9] seen: zset room -> id of the last message this consumer saw; behind all parts, absent in Cluster
-- ARGV[1] room: the channel's name as members know it
-- ARGV[2] id: the consumer's
-- ARGV[3] token: this process's own
-- ARGV[4] publish: PUBLISH, or SPUBLISH in Cluster
-- ARGV[5] budget channel: the channel that is notified when room was given back
-- ARGV[6] before: up to which message this consumer has finished everything, as far as it knows
-- ARGV[7] message: its id; two words for each part, ids rising
-- ARGV[8] part: its name
-- Reply: {'done', bytes freed}, {'rewound'} when this server knows less than that, or {'replaced'} when somebody else took this consumer's place
-- @include ./finish-part.lua
-- @include ./hold-cursor.lua
local count = (#ARGV - 6) / 2
local place = { who = KEYS[3], members = KEYS[4], messages = KEYS[5], seen = KEYS[7 + 2 * count] }
local cursor, holder = holder_of(place, ARGV[2], ARGV[3])
if not cursor then return { 'replaced' } end
-- What was finished in between was acknowledged by a server that is no more, and is waited for here.
if cursor < tonumber(ARGV[7]) and cursor < tonumber(ARGV[6]) then return { 'rewound' } end
local parts, freed = {}, 0
for i = 1, count do parts[i] = ARGV[6 + 2 * i] end
local ledger = redis.call('HMGET', KEYS[2], unpack(parts))
local hasAside = redis.call('HLEN', KEYS[6]) > 0
for i, part in ipairs(parts) do
  local message = tonumber(ARGV[5 + 2 * i])
  if hasAside then redis.call('HDEL', KEYS[6], ARGV[2] .. ':' .. part) end
  -- Sent again, it is in the ledger no more, or finished there.
  if ledger[i] or cursor < message then
    local keys = { settings = KEYS[1], parts = KEYS[2], data = KEYS[5 + 2 * i], counter = KEYS[6 + 2 * i] }
    freed = freed + (finish_part(keys, part, ledger[i], ARGV[2], message) or 0)
  end
end
move_cursor(place, ARGV[1], ARGV[2], holder, ARGV[#ARGV - 1])
if freed > 0 then
  redis.call('HINCRBY', KEYS[1], 'used', -freed)
  redis.pcall(ARGV[4], ARGV[5], 'room')
end
return { 'done', freed }
