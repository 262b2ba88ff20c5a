#!lua flags=allow-oom
-- One turn of a subscriber over the keys of the legacy layout: what is done moves forward, the lease is kept, the next
-- messages are read. Sent twice: the position only rises, and reading changes nothing.
-- KEYS[1] msgs: zset `pubsub:messages`, JSON -> id
-- KEYS[2] subs: zset `pubsub:process_stats`, subscriber -> the last id it has done
-- KEYS[3] leases: hash, subscriber -> who serves it
-- KEYS[4] ids: string `pubsub:msg_id`, the highest id given
-- KEYS[5] state: hash; `done:<subscriber>` outlives a publisher that resets every position to 0
-- ARGV[1] name: the subscriber
-- ARGV[2] token: this process
-- ARGV[3] done: everything up to this id is done; 0 changes nothing
-- ARGV[4] after: read what comes after this id
-- ARGV[5] step: how many messages to read; 0 reads nothing
-- ARGV[6] longest: bytes of a payload; of what is longer, as another program may write it, comes its length
-- Reply: {1, floor, id, payload or length, id, payload or length...}; {2, last} when the server forgot ids that were already read;
--   {0} when the subscriber was dropped; {3} when the server has lost it; {-1, label} when another process has the lease
local name, done, after, step = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local position = redis.call('ZSCORE', KEYS[2], name)
local token, seen, lease, rest = string.match(redis.call('HGET', KEYS[3], name) or '', '^(%S+) (%d+) (%d+) (.*)$')
if not position then
  if redis.call('HGET', KEYS[5], 'dropped:' .. name) ~= ARGV[2] then return { 3 } end
  redis.pcall('HDEL', KEYS[5], 'dropped:' .. name)
  return { 0 }
end
if not token or token == '-' then return { 3 } end
if token ~= ARGV[2] then return { -1, rest and string.match(rest, '^%d+ %d+ (.*)$') or '' } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now - seen > lease / 4 then
  redis.call('HSET', KEYS[3], name, token .. ' ' .. string.format('%.0f', now) .. ' ' .. lease .. ' ' .. rest)
end
if done > tonumber(position) then
  redis.call('HSET', KEYS[5], 'done:' .. name, ARGV[3])
  redis.call('ZADD', KEYS[2], 'XX', 'GT', ARGV[3], name)
end
local lowest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
local reply = { 1, lowest and tonumber(lowest) - 1 or 0 }
if step == 0 then return reply end
local page = redis.call('ZRANGE', KEYS[1], '(' .. ARGV[4], '+inf', 'BYSCORE', 'LIMIT', 0, step, 'WITHSCORES')
for i = 1, #page, 2 do
  local n = #reply
  reply[n + 1], reply[n + 2] = page[i + 1], #page[i] > tonumber(ARGV[6]) and #page[i] or page[i]
end
if #reply == 2 then
  local last = tonumber(redis.call('GET', KEYS[4]) or 0)
  if last < after then
    redis.call('ZADD', KEYS[2], 'XX', string.format('%.0f', math.min(last, tonumber(position))), name)
    redis.call('HDEL', KEYS[5], 'done:' .. name)
    return { 2, last }
  end
end
return reply
