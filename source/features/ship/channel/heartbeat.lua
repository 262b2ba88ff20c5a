#!lua flags=allow-oom
-- A sign of life of a shipper or a consumer. A shipper also counts who else is there, which sets the room for parts.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- ARGV[1] field: s:TOKEN or c:ID
-- ARGV[2] token: this process's own
-- ARGV[3] news: JSON whose fields replace those remembered
-- ARGV[4] lease: milliseconds of silence after which a shipper counts as gone
-- Reply: 1, or 0 when somebody else took this place
local stored = redis.call('HGET', KEYS[2], ARGV[1])
if not stored then return 0 end
local entry = cjson.decode(stored)
if entry.token ~= ARGV[2] then return 0 end
for name, value in pairs(cjson.decode(ARGV[3])) do entry[name] = value end
local time = redis.call('TIME')
entry.at = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[2], ARGV[1], cjson.encode(entry))
if ARGV[1]:sub(1, 2) == 'c:' then return 1 end

local shippers = 0
local who = redis.call('HGETALL', KEYS[2])
for i = 1, #who, 2 do
  if who[i]:sub(1, 2) == 's:' and entry.at - cjson.decode(who[i + 1]).at <= tonumber(ARGV[4]) then
    shippers = shippers + 1
  end
end
local room = redis.call('HMGET', KEYS[1], 'budget', 'base', 'each', 'least')
if room[1] then
  local limit = math.max(room[1] - room[2] - shippers * room[3], tonumber(room[4]))
  redis.call('HSET', KEYS[1], 'shippers', shippers, 'limit', limit)
end
return 1
