#!lua flags=no-writes
-- What a topic holds and how far each subscriber is.
-- KEYS[1] msgs: stream of frames
-- KEYS[2] subs: zset, subscriber -> the last id it has done
-- KEYS[3] seats: hash, subscriber -> seat
-- KEYS[4] ids: string, the highest id given
-- KEYS[5] state: hash; `floor`, `lapseMs`, `blocked:<subscriber>`
-- ARGV[1] lapseMs: unless set in the state
-- ARGV[2] most: how many subscribers to tell of, the slowest first
-- Reply: {last, floor, bytes, now ms, lapse ms, subscribers in all, name, position, seat, oldest waiting ms, blocked...}
local last = tonumber(redis.call('GET', KEYS[4]) or 0)
local state = redis.call('HMGET', KEYS[5], 'floor', 'lapseMs')
local floor = tonumber(state[1] or 0)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = {
  last, floor, redis.call('MEMORY', 'USAGE', KEYS[1]) or 0, now, tonumber(state[2] or ARGV[1]),
  redis.call('ZCARD', KEYS[2]),
}
local page = redis.call('ZRANGE', KEYS[2], 0, ARGV[2] - 1, 'WITHSCORES')
local known, oldest
for i = 1, #page, 2 do
  local next = math.max(tonumber(page[i + 1]), floor) + 1
  if next ~= known then
    local entry = next <= last and redis.call('XRANGE', KEYS[1], string.format('%.0f', next), '+', 'COUNT', 1)[1]
    known, oldest = next, entry and tonumber(string.match(entry[1], '(%d+)$')) or 0
  end
  local n = #reply
  reply[n + 1], reply[n + 2] = page[i], tonumber(page[i + 1])
  reply[n + 3] = redis.call('HGET', KEYS[3], page[i]) or ''
  reply[n + 4] = oldest
  reply[n + 5] = redis.call('HGET', KEYS[5], 'blocked:' .. page[i]) or ''
end
return reply
