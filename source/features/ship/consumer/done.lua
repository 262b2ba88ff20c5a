#!lua flags=allow-oom
-- A consumer has finished a message. Its part is counted once, and freed when everybody expected has finished it.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- KEYS[4] members: zset member -> id of the last message seen
-- KEYS[5] messages: zset JSON -> id
-- KEYS[6] carry: hash consumer:file -> the beginning of a line whose rest comes with the next part
-- KEYS[7] aside: hash consumer:part -> JSON, parts that a consumer set aside
-- KEYS[8] data: string
-- KEYS[9] counter: string, how many consumers have finished it
-- KEYS[10] seen: zset room -> id of the last message this consumer saw; absent in Cluster
-- ARGV[1] room: the channel's name as members know it
-- ARGV[2] id: the consumer's
-- ARGV[3] token: this process's own
-- ARGV[4] message: its id
-- ARGV[5] part: its name; empty when the message is about none
-- ARGV[6] carry field
-- ARGV[7] carry: empty for none
-- ARGV[8] publish: PUBLISH, or SPUBLISH in Cluster
-- ARGV[9] budget channel: the channel that is notified when room was given back
-- ARGV[10] before: up to which message this consumer has finished everything, as far as it knows
-- Reply: {'done', bytes freed}, {'rewound'} when this server knows less than that, or {'replaced'} when somebody else took this consumer's place
-- @include ./finish-part.lua
-- @include ./hold-cursor.lua
local place = { who = KEYS[3], members = KEYS[4], messages = KEYS[5], seen = KEYS[10] }
local cursor, holder = holder_of(place, ARGV[2], ARGV[3])
if not cursor then return { 'replaced' } end
local message, part = tonumber(ARGV[4]), ARGV[5]
-- What was finished in between was acknowledged by a server that is no more, and is waited for here.
if cursor < message and cursor < tonumber(ARGV[10]) then return { 'rewound' } end
local freed
if part ~= '' then
  -- What the ledger still owes counts, wherever another program moved the cursor.
  local stored = redis.call('HGET', KEYS[2], part)
  local owed = redis.call('HDEL', KEYS[7], ARGV[2] .. ':' .. part) == 1 or stored
  if cursor >= message and not owed then return { 'done', 0 } end -- sent again
  local keys = { settings = KEYS[1], parts = KEYS[2], data = KEYS[8], counter = KEYS[9] }
  freed = finish_part(keys, part, stored, ARGV[2], message)
  if cursor >= message and not freed then return { 'done', 0 } end -- sent again
  if ARGV[7] ~= '' then redis.call('HSET', KEYS[6], ARGV[6], ARGV[7]) else redis.call('HDEL', KEYS[6], ARGV[6]) end
end
move_cursor(place, ARGV[1], ARGV[2], holder, ARGV[4])
if freed and freed > 0 then
  redis.call('HINCRBY', KEYS[1], 'used', -freed)
  redis.pcall(ARGV[8], ARGV[9], 'room')
end
return { 'done', freed or 0 }
