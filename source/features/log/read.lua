#!lua flags=no-writes
-- This hour's common messages beside the previous hour's, as they stand after a rotation, which may still be due.
-- KEYS[1] common: zset message or template -> count
-- KEYS[2] start: the UTC hour of `common`
-- KEYS[3] last: `common` of the hour in pstart
-- KEYS[4] pstart: the hour of `last`
-- KEYS[5] samples: hash template -> a line it stands for
-- ARGV[1] clock: epoch seconds; empty: the server's
-- ARGV[2] top: tell of at most so many messages of this hour, the most frequent first
-- ARGV[3] gone: and of so many that were in the previous hour only
-- Reply: {epoch seconds, start or '', hours since start, pstart or '', hours from pstart to start, total, distinct,
-- Reply: previous total, previous distinct, {message, count, previous count, previous rank, sample, ...}, {gone, count, ...}}
-- Reply: previous counts and ranks are '' where there is none, so is a sample
local top, gone = tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[1]) or tonumber(redis.call('TIME')[1])

-- Whole hours since 1970 of `YYYY-MM-DDTHH:00:00`: days from a civil date, after Howard Hinnant.
local function hours(text)
  local year, month, day, hour = string.match(text or '', '^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):')
  if not year then return end
  year, month = tonumber(year), tonumber(month)
  if month <= 2 then year = year - 1 end
  local era = math.floor(year / 400)
  local of_era = year - era * 400
  local of_year = math.floor((153 * (month > 2 and month - 3 or month + 9) + 2) / 5) + day - 1
  local days = era * 146097 + of_era * 365 + math.floor(of_era / 4) - math.floor(of_era / 100) + of_year - 719468
  return days * 24 + hour
end

local start, pstart = redis.call('GET', KEYS[2]), redis.call('GET', KEYS[4])
local current = math.floor(now / 3600)
local since = hours(start) and current - hours(start) or 0
local between = hours(start) and hours(pstart) and hours(start) - hours(pstart) or 0
local counts, previous = KEYS[1], between == 1 and KEYS[3] or false
redis.call('HLEN', KEYS[5])
if since > 0 then
  previous = since == 1 and KEYS[1] or false
  counts = false
end

local function sum(key)
  local total = 0
  if not key then return 0, 0 end
  local flat = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for i = 2, #flat, 2 do total = total + flat[i] end
  return total, #flat / 2
end
local total, distinct = sum(counts)
local previous_total, previous_distinct = sum(previous)

local entries, missing = {}, {}
if counts and top > 0 then
  local flat = redis.call('ZRANGE', counts, 0, top - 1, 'REV', 'WITHSCORES')
  for i = 1, #flat, 2 do
    local before = previous and redis.call('ZSCORE', previous, flat[i])
    entries[#entries + 1] = flat[i]
    entries[#entries + 1] = flat[i + 1]
    entries[#entries + 1] = before or ''
    entries[#entries + 1] = before and redis.call('ZREVRANK', previous, flat[i]) + 1 or ''
    entries[#entries + 1] = redis.call('HGET', KEYS[5], flat[i]) or ''
  end
end
-- Only the heaviest of the previous hour are looked through: what nobody would miss is not worth the time.
if previous and gone > 0 then
  local flat = redis.call('ZRANGE', previous, 0, top + gone - 1, 'REV', 'WITHSCORES')
  for i = 1, #flat, 2 do
    if #missing < gone * 2 and not (counts and redis.call('ZSCORE', counts, flat[i])) then
      missing[#missing + 1] = flat[i]
      missing[#missing + 1] = flat[i + 1]
    end
  end
end
return { now, start or '', since, pstart or '', between, string.format('%.0f', total), distinct,
  string.format('%.0f', previous_total), previous_distinct, entries, missing }
