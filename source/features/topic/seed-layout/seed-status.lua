#!lua flags=no-writes
-- What the keys of the legacy plain-key layout hold and how far each subscriber is. Long texts are cut.
-- KEYS[1] msgs: zset `pubsub:messages`, JSON -> id
-- KEYS[2] subs: zset `pubsub:process_stats`, subscriber -> the last id it has done
-- KEYS[3] leases: hash, subscriber -> who serves it; a subscriber of another program is not there
-- KEYS[4] ids: string `pubsub:msg_id`, the highest id given
-- KEYS[5] state: hash; `blocked:<subscriber>`, `aside:<subscriber>`
-- ARGV[1] first: the place of the first subscriber wanted, the slowest being 0
-- ARGV[2] most: how many subscribers are wanted
-- ARGV[3] budget: bytes; with this many the reply ends, and has fewer subscribers
-- Reply: {now ms, last, floor, retained, bytes or false where they may not be asked for, 0, how many subscribers there
-- Reply: are; name, position, lease, 0, blocked, '', aside of each}
local last = tonumber(redis.call('GETRANGE', KEYS[4], 0, 31)) or 0
local lowest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
local time = redis.call('TIME')
local bytes = redis.pcall('MEMORY', 'USAGE', KEYS[1])
if type(bytes) == 'table' then bytes = false end
if bytes == false and redis.call('EXISTS', KEYS[1]) == 0 then bytes = 0 end
local reply = {
  time[1] * 1000 + math.floor(time[2] / 1000), last, lowest and tonumber(lowest) - 1 or last,
  redis.call('ZCARD', KEYS[1]), bytes, 0, redis.call('ZCARD', KEYS[2]),
}
local page = redis.call('ZRANGE', KEYS[2], ARGV[1], ARGV[1] + ARGV[2] - 1, 'WITHSCORES')
local spent = 0
for i = 1, #page, 2 do
  local n = #reply
  reply[n + 1], reply[n + 2] = string.sub(page[i], 1, 1024), page[i + 1]
  reply[n + 3] = string.sub(redis.call('HGET', KEYS[3], page[i]) or '', 1, 512)
  reply[n + 4] = 0
  local about = redis.call('HMGET', KEYS[5], 'blocked:' .. page[i], 'aside:' .. page[i])
  reply[n + 5], reply[n + 6] = string.sub(about[1] or '', 1, 4096), ''
  reply[n + 7] = string.sub(about[2] or '', 1, 16)
  spent = spent + #reply[n + 1] + #reply[n + 3] + #reply[n + 5] + 64
  if spent >= tonumber(ARGV[3]) then break end
end
return reply
