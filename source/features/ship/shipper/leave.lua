#!lua flags=allow-oom
-- A shipper goes. When it was the last one and all it shipped is freed, the run is over.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] files: hash file -> JSON, how far each one is
-- KEYS[4] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- ARGV[1] token: this shipper's own
-- ARGV[2] over: 1 when it shipped everything, 0 when it was interrupted
-- ARGV[3] lease: milliseconds of silence after which a shipper counts as gone
-- ARGV[4] uncharged: so many file records are covered by what is kept free
-- Reply: {1 if the run is over, peak}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HDEL', KEYS[4], 's:' .. ARGV[1])
local shippers = 0
local who = redis.call('HGETALL', KEYS[4])
for i = 1, #who, 2 do
  if who[i]:sub(1, 2) == 's:' and now - cjson.decode(who[i + 1]).at <= tonumber(ARGV[3]) then shippers = shippers + 1 end
end
local isOver = 0
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSET', KEYS[1], 'shippers', shippers)
  if ARGV[2] == '1' and shippers == 0 and redis.call('HLEN', KEYS[2]) == 0 then
    -- The first records stay for whoever asks what was shipped; they cost no budget.
    local cursor, left = '0', redis.call('HLEN', KEYS[3]) - tonumber(ARGV[4])
    while left > 0 do
      local page = redis.call('HSCAN', KEYS[3], cursor, 'COUNT', 100)
      for i = 1, #page[2], 2 do
        if left > 0 then left = left - redis.call('HDEL', KEYS[3], page[2][i]) end
      end
      cursor = page[1]
      if cursor == '0' then break end
    end
    redis.call('HSET', KEYS[1], 'closed', '1', 'used', 0, 'ended', now)
    isOver = 1
  end
end
return { isOver, string.sub(redis.call('HGET', KEYS[1], 'peak') or '0', 1, 32) }
