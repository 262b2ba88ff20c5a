#!lua flags=allow-oom
-- A consumer gives its place back: another process may take it at once.
-- KEYS[1] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- ARGV[1] id: the consumer's
-- ARGV[2] token: this process's own
-- Reply: 1, or 0 when somebody else took this place
local stored = redis.call('HGET', KEYS[1], 'c:' .. ARGV[1])
local holder = stored and cjson.decode(stored)
if not holder or holder.token ~= ARGV[2] then return 0 end
local time = redis.call('TIME')
holder.token = nil
holder.at = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'c:' .. ARGV[1], cjson.encode(holder))
return 1
