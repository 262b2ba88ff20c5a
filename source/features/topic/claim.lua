#!lua flags=allow-oom
-- Registers a subscriber name and takes its seat, if no other live process sits there. Sent twice, it is ours twice.
-- KEYS[1] subs: zset, subscriber -> the last id it has done
-- KEYS[2] seats: hash, subscriber -> `<token or -> <seen ms> <lease ms> <since ms> <label>`
-- KEYS[3] ids: string, the highest id given
-- KEYS[4] state: hash; `floor` is the highest id that is gone, `done:<subscriber>` outlives a reset of the positions
-- KEYS[5] msgs: only in the seed layout, zset, JSON -> id; there is no `floor` then, what is lowest here tells it
-- KEYS[6] lock: only in the seed layout; while it is held the highest id may not be stored yet
-- ARGV[1] name: the subscriber
-- ARGV[2] token: this process
-- ARGV[3] label: who this is, for people
-- ARGV[4] lease: ms without a sign of life until others may take the seat
-- ARGV[5] from: `start` or `now`, for a name not seen before
-- Reply: {1, position, floor} when the seat is ours; {0, label, seen ms, now ms} when another sits there
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local seat = redis.call('HGET', KEYS[2], ARGV[1])
local since = now
if seat then
  local token, seen, lease, sat, label = string.match(seat, '^(%S+) (%d+) (%d+) (%d+) (.*)$')
  if token and token ~= '-' and token ~= ARGV[2] and seen + lease > now then
    return { 0, label, tonumber(seen), now }
  end
  if token == ARGV[2] then since = sat end
end
local last = tonumber(redis.call('GET', KEYS[3]) or 0)
local floor = tonumber(redis.call('HGET', KEYS[4], 'floor') or 0)
if KEYS[5] then
  local lowest = redis.call('ZRANGE', KEYS[5], 0, 0, 'WITHSCORES')[2]
  floor = lowest and tonumber(lowest) - 1 or last
  if not lowest and last > 0 and redis.call('EXISTS', KEYS[6]) == 1 then floor = last - 1 end
end
local position = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or nil)
if not position then
  position = ARGV[5] == 'now' and last or floor
  redis.call('ZADD', KEYS[1], string.format('%.0f', position), ARGV[1])
elseif position > last and last >= floor then
  -- The server lost its newest messages (a failover, an unsynced file): their ids will be given again.
  position = last
  redis.call('ZADD', KEYS[1], string.format('%.0f', position), ARGV[1])
end
local done = tonumber(KEYS[5] and redis.call('HGET', KEYS[4], 'done:' .. ARGV[1]) or 0)
if done <= last then position = math.max(position, done) end
redis.call('HSET', KEYS[2], ARGV[1],
  ARGV[2] .. ' ' .. string.format('%.0f', now) .. ' ' .. ARGV[4] .. ' ' .. string.format('%.0f', since) .. ' ' .. ARGV[3])
return { 1, position, floor }
