#!lua
-- Puts a written part in its place and tells the channel, in one step.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] files: hash file -> JSON, how far each one is
-- KEYS[4] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- KEYS[5] messages: zset JSON -> id
-- KEYS[6] ids: counter of the room's messages
-- KEYS[7] lock: the legacy (Redis in Action) lock around sending; its owner holds an id that is not stored yet
-- KEYS[8] stage: string, where the part was written
-- KEYS[9] data: string, where it goes
-- KEYS[10] counter: string, how many consumers have finished it
-- ARGV[1] token: this shipper's own
-- ARGV[2] part: its name
-- ARGV[3] file: its name
-- ARGV[4] record: JSON for the file, as it is after this part
-- ARGV[5] position: where in the shipped file the part begins
-- ARGV[6] publish: PUBLISH, or SPUBLISH in Cluster
-- ARGV[7] message channel: the channel that the consumers listen to
-- ARGV[8] force: 1 to overlook the legacy (Redis in Action) lock
-- ARGV[9] cursor field: where this shipper keeps which of its files came last; empty to keep none
-- ARGV[10] cursor: JSON of that, in case this part ends its file
-- ARGV[11] quiet: 1 if the file was not touched since the shipping began, so that the cursor is enough to know it by
-- ARGV[12] uncharged: so many file records are covered by what is kept free
-- ARGV[13] server: the one this shipper came to
-- Reply: {'announced', id}, {'known'} when it was before, {'locked'}, {'taken', type} or {'fenced'}
local stored = redis.call('HGET', KEYS[2], ARGV[2])
local entry = stored and cjson.decode(stored)
local record = cjson.decode(ARGV[4])
local known = redis.call('HGET', KEYS[3], ARGV[3])
local before = known and cjson.decode(known)
local isOwn = before and before.token == ARGV[1] and before.generation == record.generation
-- Sent again after its answer was lost: the part is announced, or by now freed, or its file was left to the cursor.
if isOwn and before.shipped >= record.shipped and before.number >= record.number then return { 'known' } end
if ARGV[9] ~= '' and redis.call('HGET', KEYS[1], ARGV[9]) == ARGV[10] then return { 'known' } end
-- Which server this is: another one took over, or it started anew, and may lack what was acknowledged before.
local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and info:match('run_id:(%x+)') or ''
if server ~= ARGV[13] then redis.call('HDEL', KEYS[4], 's:' .. ARGV[1]) end
if not entry or not isOwn or redis.call('HEXISTS', KEYS[4], 's:' .. ARGV[1]) == 0 then return { 'fenced' } end
if entry.token ~= ARGV[1] or entry.id or before.shipped ~= tonumber(ARGV[5]) then return { 'fenced' } end
if redis.call('EXISTS', KEYS[8]) == 0 then return { 'fenced' } end
if ARGV[8] ~= '1' and redis.call('EXISTS', KEYS[7]) == 1 then return { 'locked' } end
local kind = redis.call('TYPE', KEYS[9]).ok
if kind ~= 'none' then return { 'taken', kind } end

local settings = redis.call('HMGET', KEYS[1], 'expect', 'done')
-- More is coming after all.
if settings[2] and settings[2] ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[5], settings[2], settings[2])
  redis.call('HSET', KEYS[1], 'done', '')
end
local time = redis.call('TIME')
local cost = redis.call('MEMORY', 'USAGE', KEYS[8])
redis.call('RENAME', KEYS[8], KEYS[9])
cost = redis.call('MEMORY', 'USAGE', KEYS[9]) - cost
-- A late INCR may have left a counter behind when an earlier part of this name was freed.
redis.call('DEL', KEYS[10])
local id = redis.call('INCR', KEYS[6])
local message = cjson.encode({ id = id, ts = time[1] + time[2] / 1e6, sender = 'source', message = ARGV[2] })
redis.call('ZADD', KEYS[5], id, message)
entry.stage = nil
entry.id = id
entry.announced = time[1] * 1000 + math.floor(time[2] / 1000)
entry.cost = entry.cost + cost
entry.want = settings[1] or ' '
entry.finished = ' '
redis.call('HSET', KEYS[2], ARGV[2], cjson.encode(entry))
if entry.last and ARGV[9] ~= '' then redis.call('HSET', KEYS[1], ARGV[9], ARGV[10]) end
if entry.last and ARGV[11] == '1' and redis.call('HLEN', KEYS[3]) > tonumber(ARGV[12]) then
  redis.call('HDEL', KEYS[3], ARGV[3])
  cost = cost - (before.cost or 0)
else
  record.token = ARGV[1]
  record.cost = before.cost
  redis.call('HSET', KEYS[3], ARGV[3], cjson.encode(record))
end
redis.call('HINCRBY', KEYS[1], 'used', cost)
redis.call('HINCRBY', KEYS[1], 'bytes', entry.bytes)
redis.call('HINCRBY', KEYS[1], 'parts', 1)
if entry.last then redis.call('HINCRBY', KEYS[1], 'files', 1) end
redis.pcall(ARGV[6], ARGV[7], message)
return { 'announced', id }
