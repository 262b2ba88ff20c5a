#!lua flags=no-writes
-- What the seed's keys hold and how far each subscriber is.
-- KEYS[1] msgs: zset `pubsub:messages`, JSON -> id
-- KEYS[2] subs: zset `pubsub:process_stats`, subscriber -> the last id it has done
-- KEYS[3] seats: hash, subscriber -> seat; a subscriber of another program has none
-- KEYS[4] ids: string `pubsub:msg_id`, the highest id given
-- KEYS[5] state: hash; `blocked:<subscriber>`
-- ARGV[1] most: how many subscribers to tell of, the slowest first
-- Reply: {now ms, last, floor, retained, bytes, 0, name, position, seat, 0, blocked, name...}
local last = tonumber(redis.call('GET', KEYS[4]) or 0)
local lowest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
local time = redis.call('TIME')
local reply = {
  time[1] * 1000 + math.floor(time[2] / 1000), last, lowest and tonumber(lowest) - 1 or last,
  redis.call('ZCARD', KEYS[1]), redis.call('MEMORY', 'USAGE', KEYS[1]) or 0, 0,
}
local page = redis.call('ZRANGE', KEYS[2], 0, ARGV[1] - 1, 'WITHSCORES')
for i = 1, #page, 2 do
  local n = #reply
  reply[n + 1], reply[n + 2] = page[i], tonumber(page[i + 1])
  reply[n + 3] = redis.call('HGET', KEYS[3], page[i]) or ''
  reply[n + 4] = 0
  reply[n + 5] = redis.call('HGET', KEYS[5], 'blocked:' .. page[i]) or ''
end
return reply
