#!lua flags=allow-oom
-- One turn of a subscriber: what is done moves forward, the lease is kept, the next frames are read; where there are
-- none, a notification may be asked for. Sent twice: the position only rises, and reading changes nothing.
-- KEYS[1] msgs: stream; entry `<epoch ms>-<last id>`
-- KEYS[2] subs: zset, subscriber -> the last id it has done
-- KEYS[3] leases: hash, subscriber -> `<token> <seen ms> <lease ms> <since ms> <epoch ms of done> <label>`
-- KEYS[4] ids: string, the highest id given
-- KEYS[5] state: hash; `floor`, `floorAt`, `bell`, `pace:<subscriber>` = `<ms> <lag> <-1 when it shrank since, else 0 or 1>`
-- ARGV[1] name: the subscriber
-- ARGV[2] token: this process
-- ARGV[3] done: everything up to this id is done; 0 changes nothing
-- ARGV[4] done at: its epoch ms
-- ARGV[5] after: read what comes after this id
-- ARGV[6] after at: its epoch ms; 0 when nobody knows
-- ARGV[7] step: how many entries to read at first; 0 reads nothing
-- ARGV[8] bytes: stop reading once this much was read
-- ARGV[9] arm: 1 to be notified of the next message when there is none yet
-- ARGV[10] pace: 1 to note how the lag has changed since the last time
-- ARGV[11] longest: bytes of a message; what is longer, as another program may write it, comes as kind `l<count>` with its length
-- ARGV[12] longestFrame: bytes of a JSON array of them
-- Reply: {1, floor, floor at, id, kind, body, id, kind, body...}; {2, id, at} when the server forgot what was read
--   after that id; {0} when the subscriber was dropped; {3} when the server has lost it; {-1, label} when another
--   process has the lease
local name, done, after, step = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[5]), tonumber(ARGV[7])
local position = tonumber(redis.call('ZSCORE', KEYS[2], name) or nil)
local token, seen, lease, since, doneAt, label =
  string.match(redis.call('HGET', KEYS[3], name) or '', '^(%S+) (%d+) (%d+) (%d+) (%d+) (.*)$')
if not position then
  if redis.call('HGET', KEYS[5], 'dropped:' .. name) ~= ARGV[2] then return { 3 } end
  redis.pcall('HDEL', KEYS[5], 'dropped:' .. name)
  return { 0 }
end
if not token or token == '-' then return { 3 } end
if token ~= ARGV[2] then return { -1, label } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function keep(at)
  local words = { token, string.format('%.0f', now), lease, since, at, label }
  redis.call('HSET', KEYS[3], name, table.concat(words, ' '))
end
-- More than was ever given here was done on a server that is no more: what comes under these ids is new.
if done > position and done <= tonumber(redis.call('GET', KEYS[4]) or 0) then
  redis.call('ZADD', KEYS[2], 'XX', 'GT', ARGV[3], name)
  local isKept, failure = pcall(keep, ARGV[4])
  if not isKept then
    redis.call('ZADD', KEYS[2], 'XX', string.format('%.0f', position), name)
    return failure
  end
elseif now - seen > lease / 4 then
  keep(doneAt)
end

if ARGV[10] == '1' then
  local lag = tonumber(redis.call('GET', KEYS[4]) or 0) - math.max(position, done)
  local before = tonumber(string.match(redis.call('HGET', KEYS[5], 'pace:' .. name) or '', '^%d+ (%d+)')) or lag
  local trend = lag < before and -1 or lag > before and 1 or 0
  redis.pcall('HSET', KEYS[5], 'pace:' .. name, string.format('%.0f %.0f %d', now, math.max(lag, 0), trend))
end
local state = redis.call('HMGET', KEYS[5], 'floor', 'floorAt')
local floor, floorAt = tonumber(state[1] or 0), state[2] or '0'
local reply = { 1, floor, tonumber(floorAt) }
if step == 0 then return reply end

local from, fromAt = after, ARGV[6]
if floor > after then from, fromAt = floor, floorAt end
local isUnsure = fromAt == '0'

local function forgotten(id, at)
  redis.call('ZADD', KEYS[2], 'XX', string.format('%.0f', math.min(id, position)), name)
  -- A sweep may have come before us, with ids that were done before they were lost.
  if floor > id then
    redis.call('HSET', KEYS[5], 'floor', string.format('%.0f', id), 'floorAt', string.format('%.0f', at))
  end
  keep(string.format('%.0f', at))
  return { 2, id, at }
end

local limit, bytes = tonumber(ARGV[8]), 0
local longest, longestFrame = tonumber(ARGV[11]), tonumber(ARGV[12])
local start = fromAt .. '-' .. string.format('%.0f', from + 1)
while bytes < limit and #reply < 3000 do
  local entries = redis.call('XRANGE', KEYS[1], start, '+', 'COUNT', step)
  for _, entry in ipairs(entries) do
    local at, id = string.match(entry[1], '^(%d+)-(%d+)$')
    local kind, body = entry[2][1], entry[2][2]
    local count = kind == 'm' and 1 or tonumber(string.match(kind, '^f(%d+)$'))
    local n = #reply
    if not count then
      -- Another program's entry, which bears no id of ours.
      kind, body, count = 'x', '', 1
    elseif #body > (kind == 'm' and longest or longestFrame) then
      kind, body = 'l' .. string.format('%.0f', count), string.format('%.0f', #body)
    end
    if n == 3 and kind ~= 'x' and not isUnsure and at ~= fromAt then
      local before = tonumber(id) - count
      -- Later than what was read, yet with ids that were read: given anew after the server lost its newest messages.
      if before < from then return forgotten(before, tonumber(at)) end
    end
    if kind ~= 'x' and tonumber(id) > from then
      reply[n + 1], reply[n + 2], reply[n + 3] = entry[1], kind, body
      bytes = bytes + #body
    end
  end
  if #entries < step then break end
  start = '(' .. entries[#entries][1]
  step = step * 2
end
if #reply == 3 then
  local last = tonumber(redis.call('GET', KEYS[4]) or 0)
  if last < from then
    local at = 0
    if redis.call('EXISTS', KEYS[1]) == 1 then
      local info = redis.call('XINFO', 'STREAM', KEYS[1])
      for i = 1, #info, 2 do
        if info[i] == 'last-generated-id' then at = tonumber(string.match(info[i + 1], '^%d+')) end
      end
    end
    return forgotten(last, at)
  end
  -- Where that is refused, looking now and then finds the next message.
  if ARGV[9] == '1' then redis.pcall('HSET', KEYS[5], 'bell', '1') end
end
return reply
