#!lua flags=allow-oom
-- Frees parts that every consumer has counted by INCR alone, and notes which of those consumers have moved.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- KEYS[4] members: zset member -> id of the last message seen
-- KEYS[5] data: string; each part gives two keys
-- KEYS[6] counter: string, how many consumers have finished it
-- ARGV[1] publish: PUBLISH, or SPUBLISH in Cluster
-- ARGV[2] budget channel: the channel that is notified when room was given back
-- ARGV[3] token: the shipper's own
-- ARGV[4] server: the one this shipper came to
-- ARGV[5] part: its name; one more for each part
-- Reply: for each part 1 when it is freed, else 0; or {'fenced'}
-- Which server this is: another one took over, or it started anew, and may lack what was acknowledged before.
local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and info:match('run_id:(%x+)') or ''
if server ~= ARGV[4] then
  redis.call('HDEL', KEYS[3], 's:' .. ARGV[3])
  return { 'fenced' }
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for id in (redis.call('HGET', KEYS[1], 'expect') or ''):gmatch('%S+') do
  local stored = redis.call('HGET', KEYS[3], 'c:' .. id)
  local entry = stored and cjson.decode(stored) or {}
  -- A consumer with a token reports by itself.
  if not entry.token then
    local cursor = redis.call('ZSCORE', KEYS[4], id)
    if cursor and entry.cursor ~= cursor then
      if entry.cursor then entry.at = now end
      entry.cursor = cursor
      redis.call('HSET', KEYS[3], 'c:' .. id, cjson.encode(entry))
    end
  end
end
local reply, freed = {}, 0
for i = 5, #KEYS, 2 do
  local part = ARGV[5 + (i - 5) / 2]
  local stored = redis.call('HGET', KEYS[2], part)
  local gone = 1
  if stored then
    local entry = cjson.decode(stored)
    local _, want = (entry.want or ''):gsub('%S+', '')
    gone = 0
    if entry.id and (tonumber(redis.call('GET', KEYS[i + 1])) or 0) >= want then
      redis.call('DEL', KEYS[i], KEYS[i + 1])
      redis.call('HDEL', KEYS[2], part)
      redis.call('HINCRBY', KEYS[1], 'used', -entry.cost)
      freed = freed + entry.cost
      gone = 1
    end
  end
  reply[#reply + 1] = gone
end
if freed > 0 then redis.pcall(ARGV[1], ARGV[2], 'room') end
return reply
