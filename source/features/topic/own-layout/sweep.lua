#!lua flags=allow-oom
-- Removes what every subscriber has done, and what the topic's retention no longer keeps. The floor only rises here.
-- KEYS[1] msgs: stream; entry `<epoch ms>-<last id>`
-- KEYS[2] subs: zset, subscriber -> the last id it has done
-- KEYS[3] leases: hash, subscriber -> `<token> <seen ms> <lease ms> <since ms> <epoch ms of done> <label>`
-- KEYS[4] ids: string, the highest id given
-- KEYS[5] state: hash; `floor`, `floorAt`, and the retention where it was set
-- ARGV[1] maxAgeMs: unless set in the state; 0 keeps for ever
-- ARGV[2] maxLen: unless set in the state; 0 is no limit
-- ARGV[3] maxBytes: unless set in the state; 0 is no limit
-- ARGV[4] lapseMs: a subscriber unseen for so long holds nothing back; unless set in the state; 0 is never
-- Reply: how many ids the floor rose by
local floorAt = redis.call('HGET', KEYS[5], 'floorAt') or '0'
local state = redis.call('HMGET', KEYS[5], 'floor', 'maxAgeMs', 'maxLen', 'maxBytes', 'lapseMs')
local floor = tonumber(state[1] or 0)
local maxAge, maxLen = tonumber(state[2] or ARGV[1]), tonumber(state[3] or ARGV[2])
local maxBytes, lapse = tonumber(state[4] or ARGV[3]), tonumber(state[5] or ARGV[4])
local last = tonumber(redis.call('GET', KEYS[4]) or 0)
if last <= floor then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- The first entry from there on: the id before its first message, its last id, its time.
local function entryFrom(start)
  local entry = redis.call('XRANGE', KEYS[1], start, '+', 'COUNT', 1)[1]
  if not entry then return nil end
  local at, id = string.match(entry[1], '^(%d+)-(%d+)$')
  local kind = entry[2][1]
  local count = kind == 'm' and 1 or tonumber(string.match(kind, '^f(%d+)$')) or 1
  return tonumber(id) - count, tonumber(id), tonumber(at)
end
local function place(at, id)
  return string.format('%.0f-%.0f', at, id)
end

-- Everything up to `target` goes; it was stored at `targetAt`, or before it and the next one not before it.
local target, targetAt = floor, nil
local function raise(id, at)
  if id > target then target, targetAt = id, at end
end

for first = 0, 1000000, 16 do
  local page = redis.call('ZRANGE', KEYS[2], first, first + 15, 'WITHSCORES')
  local isFound = #page == 0
  for i = 1, #page, 2 do
    local seen, at = string.match(redis.call('HGET', KEYS[3], page[i]) or '', '^%S+ (%d+) %d+ %d+ (%d+) ')
    if not seen then
      seen, at = now, '0'
      redis.call('HSET', KEYS[3], page[i], '- ' .. string.format('%.0f', now) .. ' 0 0 0 ')
    end
    if lapse == 0 or now - seen <= lapse then
      if at ~= '0' or tonumber(page[i + 1]) >= last then raise(tonumber(page[i + 1]), tonumber(at)) end
      isFound = true
      break
    end
  end
  if isFound then break end
end

local _, _, oldestAt = entryFrom('-')
if maxLen > 0 and last - maxLen > target and oldestAt then
  -- Ids and times rise together: halve the time between the oldest and the newest until the id is found.
  local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][1]
  local wanted, low, high = last - maxLen, oldestAt, tonumber(string.match(newest, '^%d+'))
  while low < high do
    local middle = low + math.floor((high - low + 1) / 2)
    local before = entryFrom(place(middle, 0))
    if before and before <= wanted then low = middle else high = middle - 1 end
  end
  local _, _, at = entryFrom(place(low, wanted + 1))
  raise(wanted, at)
end
if maxAge > 0 and oldestAt and oldestAt < now - maxAge then
  local before, _, at = entryFrom(place(now - maxAge, 0))
  raise(before or last, at)
end

target = math.min(target, last)
local function newestAt()
  if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return tonumber(string.match(info[i + 1], '^%d+')) end
  end
end
-- Stored later than what was done under this id: given anew, after the server lost its newest messages.
-- Nothing goes where the floor cannot be raised: it tells of what went.
redis.call('HSET', KEYS[5], 'floor', string.format('%.0f', floor), 'floorAt', floorAt)
local isAll = target >= last and not (targetAt and targetAt > 0 and newestAt() > targetAt)
if isAll then
  redis.call('XTRIM', KEYS[1], 'MAXLEN', 0)
elseif targetAt then
  redis.call('XTRIM', KEYS[1], 'MINID', '~', place(targetAt, target + 1), 'LIMIT', 0)
end

-- As the allocator counts; where that may not be asked for, by some entries at either end.
local function memory()
  local used = redis.pcall('MEMORY', 'USAGE', KEYS[1])
  if type(used) == 'number' then return used end
  if not used then return 0 end
  local bytes, count = 0, 0
  for _, sample in ipairs({ redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 8),
    redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 8) }) do
    for _, entry in ipairs(sample) do
      count = count + 1
      for _, text in ipairs(entry[2]) do bytes = bytes + #text + 12 end
    end
  end
  return count == 0 and 0 or math.ceil(bytes / count * redis.call('XLEN', KEYS[1]))
end
if maxBytes > 0 then
  local used = memory()
  local length = redis.call('XLEN', KEYS[1])
  while used > maxBytes and length > 0 do
    length = math.min(length - 1, math.floor(length * maxBytes / used))
    redis.call('XTRIM', KEYS[1], 'MAXLEN', length)
    local before, _, at = entryFrom('-')
    raise(before or last, at)
    used = memory()
  end
end
if target <= floor then return 0 end
if isAll or not targetAt then targetAt = newestAt() end
redis.call('HSET', KEYS[5], 'floor', string.format('%.0f', target), 'floorAt', string.format('%.0f', targetAt))
return target - floor
