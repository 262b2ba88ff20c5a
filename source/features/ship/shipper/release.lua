#!lua flags=allow-oom
-- Gives back the room of parts that were never announced.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- KEYS[4] stage: string, where the part is being written; one more for each part
-- ARGV[1] token: this shipper's own; the others' parts are given back only when they are gone
-- ARGV[2] publish: PUBLISH, or SPUBLISH in Cluster
-- ARGV[3] budget channel: the channel that is notified when room was given back
-- ARGV[4] part: its name; one more for each part
-- Reply: bytes given back
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = tonumber(redis.call('HGET', KEYS[1], 'lease') or 0)
local freed = 0
for i = 4, #KEYS do
  local stored = redis.call('HGET', KEYS[2], ARGV[i])
  local entry = stored and cjson.decode(stored)
  if entry and not entry.id then
    local owner = redis.call('HGET', KEYS[3], 's:' .. entry.token)
    if entry.token == ARGV[1] or not owner or now - cjson.decode(owner).at > lease then
      redis.call('DEL', KEYS[i])
      redis.call('HDEL', KEYS[2], ARGV[i])
      redis.call('HINCRBY', KEYS[1], 'used', -entry.cost)
      freed = freed + entry.cost
    end
  end
end
if freed > 0 then redis.pcall(ARGV[2], ARGV[3], 'room') end
return freed
