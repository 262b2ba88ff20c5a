#!lua
-- Rotates when the hour is over, then counts a batch of messages and keeps the most recent ones.
-- KEYS[1] common: zset message or template -> count, of this hour
-- KEYS[2] start: the UTC hour of `common`, `YYYY-MM-DDTHH:00:00`
-- KEYS[3] last: `common` of the hour in pstart
-- KEYS[4] pstart: the hour of `last`, which need not be the one before `start`
-- KEYS[5] recent: list of lines, newest first
-- KEYS[6] samples: hash template -> a line it stands for, of both hours
-- KEYS[7] patterns: list of the learned patterns, oldest first
-- KEYS[8] guard: string, the number of the writer's last batch; a writer has one in flight at a time
-- ARGV[1] number of this batch
-- ARGV[2] guard life: milliseconds
-- ARGV[3] clock: epoch seconds; empty: the server's
-- ARGV[4] most distinct messages
-- ARGV[5] most recent lines
-- ARGV[6] own life: seconds that samples and patterns outlive the last write
-- ARGV[7] known: how many patterns the writer has heard of; -1 counts exact texts
-- ARGV[8] last known: the last of them, or empty
-- ARGV[9] learned: how many patterns the writer adds
-- ARGV[10] lines: how many recent lines follow
-- ARGV[11] the learned patterns, then the lines, oldest first, then for each message: template, count, sample or empty
-- Reply: {'written', hour, distinct} or {'stale', from, pattern, ...}: take these over from there on, and send again
local common, last, samples, patterns = KEYS[1], KEYS[3], KEYS[6], KEYS[7]
local cap, life = tonumber(ARGV[4]), tonumber(ARGV[6])
local first_line = 11 + ARGV[9]
local first_message = first_line + ARGV[10]

local now = tonumber(ARGV[3]) or tonumber(redis.call('TIME')[1])
local days = math.floor(now / 86400)
-- Days to a civil date, after Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
local shifted = days + 719468
local era = math.floor(shifted / 146097)
local of_era = shifted - era * 146097
local year_of_era = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524)
  - math.floor(of_era / 146096)) / 365)
local of_year = of_era - (365 * year_of_era + math.floor(year_of_era / 4) - math.floor(year_of_era / 100))
local march_month = math.floor((5 * of_year + 2) / 153)
local day = of_year - math.floor((153 * march_month + 2) / 5) + 1
local month = march_month < 10 and march_month + 3 or march_month - 9
local hour = string.format('%04d-%02d-%02dT%02d:00:00', year_of_era + era * 400 + (month <= 2 and 1 or 0), month, day,
  math.floor(now % 86400 / 3600))

-- Reads first: a key of another type fails here, before anything was written.
local start = redis.call('GET', KEYS[2])
local distinct = redis.call('ZCARD', common)
local known = redis.call('LLEN', patterns)
redis.call('GET', KEYS[4])
redis.call('HLEN', samples)
redis.call('ZCARD', last)
if redis.call('GET', KEYS[8]) == ARGV[1] then return { 'written', start or hour, distinct } end
if ARGV[7] ~= '-1' then
  local from = tonumber(ARGV[7])
  if known ~= from or known > 0 and redis.call('LINDEX', patterns, -1) ~= ARGV[8] then
    if from > known or from > 0 and redis.call('LINDEX', patterns, from - 1) ~= ARGV[8] then from = 0 end
    return { 'stale', from, unpack(redis.call('LRANGE', patterns, from, -1)) }
  end
end
if first_line < first_message then
  redis.call('LPUSH', KEYS[5], unpack(ARGV, first_line, first_message - 1))
  redis.call('LTRIM', KEYS[5], 0, ARGV[5] - 1)
end

if start and start < hour then
  if distinct > 0 then redis.call('RENAME', common, last) else redis.call('DEL', last) end
  redis.call('RENAME', KEYS[2], KEYS[4])
  for _, template in ipairs(redis.call('HKEYS', samples)) do
    if not redis.call('ZSCORE', last, template) then redis.call('HDEL', samples, template) end
  end
  distinct, start = 0, false
end
if not start then
  redis.call('SET', KEYS[2], hour)
  redis.call('EXPIRE', samples, life)
  redis.call('EXPIRE', patterns, life)
  start = hour
end

-- Whether a pattern's literal parts stand in a text with no space or digit between them; `miner.ts` does the same.
local function covers(parts, text)
  local at = 1
  for i, part in ipairs(parts) do
    local found = 1
    if i == #parts then found = #text - #part + 1 elseif i > 1 then found = string.find(text, part, at, true) end
    if not found or found < at or string.sub(text, found, found + #part - 1) ~= part
      or string.find(string.sub(text, at, found - 1), '[%s%d]') then
      return false
    end
    at = found + #part
  end
  return true
end

-- What a new pattern covers is counted under it from now on, in both hours.
for i = 11, first_line - 1 do
  local pattern, parts, at = ARGV[i], {}, 1
  for from, to in string.gmatch(pattern, '()<%*>()') do
    parts[#parts + 1] = string.sub(pattern, at, from - 1)
    at = to
  end
  parts[#parts + 1] = string.sub(pattern, at)
  redis.call('RPUSH', patterns, pattern)
  redis.call('EXPIRE', patterns, life)
  for _, counts in ipairs({ common, last }) do
    local members = redis.call('ZRANGE', counts, 0, -1, 'WITHSCORES')
    for j = 1, #members, 2 do
      local member = members[j]
      if member ~= pattern and covers(parts, member) then
        redis.call('ZREM', counts, member)
        redis.call('ZINCRBY', counts, members[j + 1], pattern)
        redis.call('HSETNX', samples, pattern, redis.call('HGET', samples, member) or member)
        redis.call('HDEL', samples, member)
      end
    end
  end
  redis.call('EXPIRE', samples, life)
  distinct = redis.call('ZCARD', common)
end

-- Space-Saving (Metwally, Agrawal and El Abbadi, ICDT 2005): a newcomer takes the place and the count of the lightest,
-- so the sum stays what was written, and no count is off by more than the lightest one.
for i = first_message, #ARGV, 3 do
  local message, count = ARGV[i], ARGV[i + 1]
  if redis.call('ZINCRBY', common, count, message) == count then
    if distinct < cap then
      distinct = distinct + 1
    else
      local lightest = redis.call('ZRANGE', common, 0, 1, 'WITHSCORES')
      local at = lightest[1] == message and 3 or 1
      redis.call('ZREM', common, lightest[at])
      redis.call('ZINCRBY', common, lightest[at + 1], message)
      if not redis.call('ZSCORE', last, lightest[at]) then redis.call('HDEL', samples, lightest[at]) end
    end
  end
  if ARGV[i + 2] ~= '' and redis.call('HSETNX', samples, message, ARGV[i + 2]) == 1 then
    redis.call('EXPIRE', samples, life)
  end
end
-- Programs that follow the book know no bound: what they added above it is inherited by the next lightest.
while distinct > cap do
  local lightest = redis.call('ZPOPMIN', common)
  redis.call('ZINCRBY', common, lightest[2], redis.call('ZRANGE', common, 0, 0)[1])
  distinct = distinct - 1
end
redis.call('SET', KEYS[8], ARGV[1], 'PX', ARGV[2])
return { 'written', start, distinct }
