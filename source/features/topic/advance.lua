#!lua flags=allow-oom
-- One turn of a subscriber: what is done moves forward, the seat is kept, the next frames are read; with none, the
-- bell may be armed. Sent twice: the position only rises, and reading changes nothing.
-- KEYS[1] msgs: stream of frames
-- KEYS[2] subs: zset, subscriber -> the last id it has done
-- KEYS[3] seats: hash, subscriber -> seat
-- KEYS[4] ids: string, the highest id given
-- KEYS[5] state: hash; `floor`, `bell`, `blocked:<subscriber>`
-- ARGV[1] name: the subscriber
-- ARGV[2] token: this process
-- ARGV[3] done: everything up to this id is done; 0 changes nothing
-- ARGV[4] after: read what comes after this id
-- ARGV[5] step: how many entries to read at first; 0 reads nothing
-- ARGV[6] bytes: stop reading once this much was read
-- ARGV[7] arm: 1 to be rung for the next message when there is none yet
-- Reply: {1, floor, id, kind, body, id, kind, body...}; {2, last} when the server forgot ids that were already read;
--   {0} when the subscriber was dropped; {-1, label} when another process has the seat
local name, done, after, step = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local position = redis.call('ZSCORE', KEYS[2], name)
if not position then return { 0 } end
local token, seen, lease, rest = string.match(redis.call('HGET', KEYS[3], name) or '', '^(%S+) (%d+) (%d+) (.*)$')
if token ~= ARGV[2] then
  return { -1, rest and string.match(rest, '^%d+ (.*)$') or '' }
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now - seen > lease / 4 then
  redis.call('HSET', KEYS[3], name, token .. ' ' .. string.format('%.0f', now) .. ' ' .. lease .. ' ' .. rest)
end
if done > tonumber(position) then
  redis.call('ZADD', KEYS[2], 'XX', 'GT', ARGV[3], name)
end
local floor = tonumber(redis.call('HGET', KEYS[5], 'floor') or 0)
local reply = { 1, floor }
if step == 0 then return reply end
local from = math.max(after, floor)
local limit, bytes = tonumber(ARGV[6]), 0
while bytes < limit and #reply < 3000 do
  local entries = redis.call('XRANGE', KEYS[1], string.format('%.0f', from + 1), '+', 'COUNT', step)
  for _, entry in ipairs(entries) do
    local n = #reply
    reply[n + 1], reply[n + 2], reply[n + 3] = entry[1], entry[2][1], entry[2][2]
    bytes = bytes + #entry[2][2]
  end
  if #entries < step then break end
  from = tonumber(string.match(entries[#entries][1], '^%d+'))
  step = step * 2
end
if #reply == 2 then
  local last = tonumber(redis.call('GET', KEYS[4]) or 0)
  if last < after then
    redis.call('ZADD', KEYS[2], 'XX', string.format('%.0f', math.min(last, tonumber(position))), name)
    return { 2, last }
  end
  if ARGV[7] == '1' then redis.call('HSET', KEYS[5], 'bell', '1') end
end
return reply
