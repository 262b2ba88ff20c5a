#!lua
-- A shipper has announced all it has. The last one notifies the channel, for legacy consumers and ours.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- KEYS[3] messages: zset JSON -> id
-- KEYS[4] ids: counter of the room's messages
-- ARGV[1] token: this shipper's own
-- ARGV[2] keep open: 1 when nothing is to be said
-- ARGV[3] lease: milliseconds of silence after which a shipper counts as gone
-- ARGV[4] publish: PUBLISH, or SPUBLISH in Cluster
-- ARGV[5] message channel: the channel that the consumers listen to
-- ARGV[6] server: the one this shipper came to
-- Reply: {'done', id; empty if kept open}, {'others', how many still ship} or {'fenced'}
-- Which server this is: another one took over, or it started anew, and may lack what was acknowledged before.
local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and info:match('run_id:(%x+)') or ''
if server ~= ARGV[6] then redis.call('HDEL', KEYS[2], 's:' .. ARGV[1]) end
local self = redis.call('HGET', KEYS[2], 's:' .. ARGV[1])
if not self or redis.call('EXISTS', KEYS[1]) == 0 then return { 'fenced' } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
self = cjson.decode(self)
self.at, self.finished = now, true
redis.call('HSET', KEYS[2], 's:' .. ARGV[1], cjson.encode(self))
local others = 0
local who = redis.call('HGETALL', KEYS[2])
for i = 1, #who, 2 do
  if who[i]:sub(1, 2) == 's:' then
    local other = cjson.decode(who[i + 1])
    if not other.finished and now - other.at <= tonumber(ARGV[3]) then others = others + 1 end
  end
end
if others > 0 then return { 'others', others } end
local id = redis.call('HGET', KEYS[1], 'done')
if ARGV[2] ~= '1' and (not id or id == '') then
  id = string.format('%.0f', redis.call('INCR', KEYS[4]))
  local message = cjson.encode({ id = tonumber(id), ts = time[1] + time[2] / 1e6, sender = 'source', message = ':done' })
  redis.call('ZADD', KEYS[3], id, message)
  redis.call('HSET', KEYS[1], 'done', id)
  redis.pcall(ARGV[4], ARGV[5], message)
end
return { 'done', id or '' }
