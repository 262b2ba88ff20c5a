#!lua flags=allow-oom
-- Registers a subscriber name in the keys of the legacy layout and takes its lease, if no other live process has it.
-- Sent twice, it is ours twice.
-- KEYS[1] subs: zset `pubsub:process_stats`, subscriber -> the last id it has done
-- KEYS[2] leases: hash, subscriber -> `<token or -> <seen ms> <lease ms> <since ms> 0 <label>`
-- KEYS[3] ids: string `pubsub:msg_id`, the highest id given
-- KEYS[4] state: hash; `done:<subscriber>` outlives a publisher that resets every position to 0
-- KEYS[5] msgs: zset `pubsub:messages`, JSON -> id
-- KEYS[6] lock: string `pubsub:lock`; while it is held the highest id may not be stored yet
-- ARGV[1] name: the subscriber
-- ARGV[2] token: this process
-- ARGV[3] label: who this is, for people
-- ARGV[4] lease: ms without a sign of life until others may take it
-- ARGV[5] from: `start` or `now`, for a name not seen before; or the id it had done when the server lost the name
-- Reply: {1, id done, 0} when the lease is ours; {0, label, seen ms} when another has it
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local served = redis.call('HGET', KEYS[2], ARGV[1])
local since = now
if served then
  local token, seen, lease, began, label = string.match(served, '^(%S+) (%d+) (%d+) (%d+) %d+ (.*)$')
  if token and token ~= '-' and token ~= ARGV[2] and seen + lease > tonumber(now) then
    return { 0, label, tonumber(seen) }
  end
  if token == ARGV[2] then since = began end
end
local last = tonumber(redis.call('GET', KEYS[3]) or 0)
local position = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or nil)
local isNew = not position
if isNew and tonumber(ARGV[5]) and tonumber(ARGV[5]) <= last then
  position = tonumber(ARGV[5])
elseif isNew then
  local lowest = redis.call('ZRANGE', KEYS[5], 0, 0, 'WITHSCORES')[2]
  local start = lowest and tonumber(lowest) - 1 or last
  if not lowest and last > 0 and redis.call('EXISTS', KEYS[6]) == 1 then start = last - 1 end
  position = ARGV[5] == 'now' and last or start
end
if position > last then position = last end
local done = tonumber(redis.call('HGET', KEYS[4], 'done:' .. ARGV[1]) or 0)
if done <= last then position = math.max(position, done) end
redis.call('ZADD', KEYS[1], string.format('%.0f', position), ARGV[1])
local claimed = redis.pcall('HSET', KEYS[2], ARGV[1], table.concat({ ARGV[2], now, ARGV[4], since, '0', ARGV[3] }, ' '))
if type(claimed) == 'table' then
  if isNew then redis.call('ZREM', KEYS[1], ARGV[1]) end
  return claimed
end
redis.pcall('HDEL', KEYS[4], 'dropped:' .. ARGV[1])
return { 1, position, 0 }
