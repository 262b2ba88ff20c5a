#!lua flags=allow-oom
-- Registers a subscriber name and takes its lease, if no other live process has it. Sent twice, it is ours twice.
-- KEYS[1] subs: zset, subscriber -> the last id it has done
-- KEYS[2] leases: hash, subscriber -> `<token or -> <seen ms> <lease ms> <since ms> <epoch ms of done> <label>`
-- KEYS[3] ids: string, the highest id given
-- KEYS[4] state: hash; `floor` and `floorAt`: id and time up to which all is gone; `pace:<subscriber>`
-- KEYS[5] msgs: stream of frames
-- ARGV[1] name: the subscriber
-- ARGV[2] token: this process
-- ARGV[3] label: who this is, for people
-- ARGV[4] lease: ms without a sign of life until others may take it
-- ARGV[5] from: `start` or `now`, for a name not seen before; or the id it had done when the server lost the name
-- ARGV[6] from at: the epoch ms of that id
-- Reply: {1, id done, its epoch ms} when the lease is ours; {0, label, seen ms} when another has it
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local served = redis.call('HGET', KEYS[2], ARGV[1])
local since, at = now, '0'
if served then
  local token, seen, lease, began, doneAt, label = string.match(served, '^(%S+) (%d+) (%d+) (%d+) (%d+) (.*)$')
  if token and token ~= '-' and token ~= ARGV[2] and seen + lease > tonumber(now) then
    return { 0, label, tonumber(seen) }
  end
  if token == ARGV[2] then since = began end
  at = doneAt or '0'
end

local last = tonumber(redis.call('GET', KEYS[3]) or 0)
local position = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or nil)
local function newest()
  if redis.call('EXISTS', KEYS[5]) == 0 then return '0' end
  local info = redis.call('XINFO', 'STREAM', KEYS[5])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return string.match(info[i + 1], '^%d+') end
  end
end
local isNew = not position
if isNew and ARGV[5] == 'now' then
  position, at = last, newest()
elseif isNew and tonumber(ARGV[5]) and tonumber(ARGV[5]) <= last then
  position, at = tonumber(ARGV[5]), ARGV[6]
elseif isNew then
  local floor = redis.call('HMGET', KEYS[4], 'floor', 'floorAt')
  position, at = tonumber(floor[1] or 0), floor[2] or '0'
elseif position > last or (position == last and at == '0') then
  -- The server lost its newest messages (a failover, an unsynced file): their ids will be given again.
  position, at = last, newest()
end
redis.call('ZADD', KEYS[1], string.format('%.0f', position), ARGV[1])
local claimed = redis.pcall('HSET', KEYS[2], ARGV[1], table.concat({ ARGV[2], now, ARGV[4], since, at, ARGV[3] }, ' '))
if type(claimed) == 'table' then
  -- A name that nobody serves would hold back what nobody reads.
  if isNew then redis.call('ZREM', KEYS[1], ARGV[1]) end
  return claimed
end
-- Whoever has only begun may yet catch up.
redis.pcall('HSET', KEYS[4], 'pace:' .. ARGV[1], string.format('%s %.0f -1', now, last - position))
redis.pcall('HDEL', KEYS[4], 'dropped:' .. ARGV[1])
return { 1, position, tonumber(at) }
