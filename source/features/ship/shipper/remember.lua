#!lua
-- Keeps what is known of files and goes with no part, such as generations of a followed log that were found.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] files: hash file -> JSON, how far each one is
-- KEYS[3] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- ARGV[1] token: this shipper's own
-- ARGV[2] lease: milliseconds of silence after which a shipper counts as gone
-- ARGV[3] uncharged: so many fields are covered by what is kept free
-- ARGV[4] field: a file's name, or what belongs to it; three words for each
-- ARGV[5] record: JSON; empty to remove it
-- ARGV[6] cost: bytes that the field costs at most
-- Reply: how many were kept; those of a file that another live shipper has in hand are not, nor those from before a part
--   that was announced meanwhile
if redis.call('HEXISTS', KEYS[3], 's:' .. ARGV[1]) == 0 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept, charged = 0, 0
for i = 4, #ARGV, 3 do
  local field, json, cost = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local known = redis.call('HGET', KEYS[2], field)
  local before = known and cjson.decode(known) or {}
  local owner = before.token and before.token ~= ARGV[1] and redis.call('HGET', KEYS[3], 's:' .. before.token)
  local isOwned = owner and now - cjson.decode(owner).at <= tonumber(ARGV[2])
  local record = json ~= '' and cjson.decode(json) or {}
  local isOlder = record.number and before.generation == record.generation and before.number > record.number
  if not isOwned and not isOlder then
    if json == '' then
      redis.call('HDEL', KEYS[2], field)
      charged = charged - (before.cost or 0)
    else
      record.token = ARGV[1]
      record.cost = before.cost
      if not record.cost and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[3]) then record.cost = 0 end
      if record.cost and record.cost < cost then
        charged = charged + cost - record.cost
        record.cost = cost
      end
      redis.call('HSET', KEYS[2], field, cjson.encode(record))
    end
    kept = kept + 1
  end
end
if charged ~= 0 then redis.call('HINCRBY', KEYS[1], 'used', charged) end
return kept
