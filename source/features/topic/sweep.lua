#!lua flags=allow-oom
-- Removes what every subscriber has done, and what the topic's retention no longer keeps. The floor only rises.
-- KEYS[1] msgs: stream of frames
-- KEYS[2] subs: zset, subscriber -> the last id it has done
-- KEYS[3] seats: hash, subscriber -> seat
-- KEYS[4] ids: string, the highest id given
-- KEYS[5] state: hash; `floor`, and the retention where it was set
-- ARGV[1] maxAgeMs: unless set in the state; 0 keeps for ever
-- ARGV[2] maxLen: unless set in the state; 0 is no limit
-- ARGV[3] maxBytes: unless set in the state; 0 is no limit
-- ARGV[4] lapseMs: a subscriber unseen for so long holds nothing back; unless set in the state; 0 is never
-- Reply: {floor, how many ids it rose by}
local state = redis.call('HMGET', KEYS[5], 'floor', 'maxAgeMs', 'maxLen', 'maxBytes', 'lapseMs')
local floor = tonumber(state[1] or 0)
local maxAge, maxLen = tonumber(state[2] or ARGV[1]), tonumber(state[3] or ARGV[2])
local maxBytes, lapse = tonumber(state[4] or ARGV[3]), tonumber(state[5] or ARGV[4])
local last = tonumber(redis.call('GET', KEYS[4]) or 0)
if last <= floor then return { floor, 0 } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local target = floor

local function bounds(entry)
  local id, at = string.match(entry[1], '^(%d+)%-(%d+)$')
  local count = string.match(entry[2][1], '^f(%d+)$') or 1
  return tonumber(id) - count, tonumber(id), tonumber(at)
end

local slowest
for first = 0, 1000000, 16 do
  local page = redis.call('ZRANGE', KEYS[2], first, first + 15, 'WITHSCORES')
  for i = 1, #page, 2 do
    local seen = string.match(redis.call('HGET', KEYS[3], page[i]) or '', '^%S+ (%d+) ')
    if not seen then
      redis.call('HSET', KEYS[3], page[i], '- ' .. string.format('%.0f', now) .. ' 0 0 ')
      seen = now
    end
    if lapse == 0 or now - seen <= lapse then
      slowest = tonumber(page[i + 1])
      break
    end
  end
  if slowest or #page == 0 then break end
end
if slowest then target = math.max(target, slowest) end
if maxLen > 0 then target = math.max(target, last - maxLen) end

if maxAge > 0 then
  local low, high = target, last
  while low < high do
    local middle = low + 1 + math.floor((high - low - 1) / 2)
    local probe = redis.call('XRANGE', KEYS[1], string.format('%.0f', middle), '+', 'COUNT', 1)[1]
    if not probe then break end
    local before, id, at = bounds(probe)
    if at < now - maxAge then low = id else high = math.min(before, middle - 1) end
  end
  target = math.max(target, low)
end

local function trim(to)
  if to >= last then
    redis.call('XTRIM', KEYS[1], 'MAXLEN', 0)
  else
    redis.call('XTRIM', KEYS[1], 'MINID', '~', string.format('%.0f', to + 1), 'LIMIT', 0)
  end
end
target = math.min(target, last)
if target > floor then trim(target) end

if maxBytes > 0 then
  local used = redis.call('MEMORY', 'USAGE', KEYS[1]) or 0
  local length = redis.call('XLEN', KEYS[1])
  while used > maxBytes and length > 0 do
    local keep = math.min(length - 1, math.floor(length * maxBytes / used))
    redis.call('XTRIM', KEYS[1], 'MAXLEN', keep)
    local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
    target = math.max(target, first and bounds(first) or last)
    used, length = redis.call('MEMORY', 'USAGE', KEYS[1]) or 0, keep
  end
end
if target > floor then redis.call('HSET', KEYS[5], 'floor', string.format('%.0f', target)) end
return { target, target - floor }
