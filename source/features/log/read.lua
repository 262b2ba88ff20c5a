#!lua flags=no-writes
-- This hour's common messages beside the previous hour's, as they stand after the rotation that the next writer makes.
-- KEYS[1] common: zset message or template -> count
-- KEYS[2] start: the UTC hour of `common`
-- KEYS[3] last: `common` of the hour in pstart
-- KEYS[4] pstart: the hour of `last`
-- KEYS[5] samples: hash template -> a line it stands for
-- ARGV[1] clock: epoch seconds; empty: the server's
-- ARGV[2] top: report at most so many messages of this hour, the most frequent first
-- ARGV[3] gone: and so many that were in the previous hour only
-- ARGV[4] longest: bytes; of a longer text only so many are sent
-- Reply: {epoch seconds, start or '', hours since start, pstart or '', hours from pstart to start, total, distinct,
-- Reply: previous total, previous distinct, {message, bytes, count, previous count, previous rank, sample, bytes, ...},
-- Reply: {gone, bytes, count, ...}}
-- Reply: previous counts and ranks are '' where there is none, so is a sample; bytes: how long a text is that was cut,
-- Reply: else ''
local top, gone, longest = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = tonumber(ARGV[1]) or tonumber(redis.call('TIME')[1])

-- Whole hours since 1970 of `YYYY-MM-DDTHH:00:00`: days from a civil date, after Howard Hinnant.
local function hours(text)
  local year, month, day, hour = string.match(text, '^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):')
  if not year then return end
  year, month = tonumber(year), tonumber(month)
  if month <= 2 then year = year - 1 end
  local era = math.floor(year / 400)
  local of_era = year - era * 400
  local of_year = math.floor((153 * (month > 2 and month - 3 or month + 9) + 2) / 5) + day - 1
  local days = era * 146097 + of_era * 365 + math.floor(of_era / 4) - math.floor(of_era / 100) + of_year - 719468
  return days * 24 + hour
end

-- An hour is 19 bytes; what is longer is none, and need not be sent.
local start, pstart = redis.call('GETRANGE', KEYS[2], 0, 31), redis.call('GETRANGE', KEYS[4], 0, 31)
local current = math.floor(now / 3600)
local since = hours(start) and current - hours(start) or 0
local between = hours(start) and hours(pstart) and hours(start) - hours(pstart) or 0
local counts, previous = KEYS[1], between == 1 and KEYS[3] or false
redis.call('HLEN', KEYS[5])
if since > 0 then
  previous = since == 1 and KEYS[1] or false
  counts = false
end

-- Walks over the different counts instead of the messages: the many light ones share a few counts, and no more than
-- one message at a time is taken into memory, however long somebody made it.
-- The total is the first count that is none, where there is one: whoever reads it refuses it by name.
local function sum(key)
  if not key then return '0', 0 end
  local distinct = redis.call('ZCARD', key)
  local total, place, wrong = 0, 0, nil
  while place < distinct do
    local score = redis.call('ZRANGE', key, place, place, 'WITHSCORES')[2]
    if score % 1 ~= 0 then wrong = wrong or score end
    local equal = redis.call('ZCOUNT', key, score, score)
    total = total + score * equal
    place = place + equal
  end
  return wrong or string.format('%.0f', total), distinct
end
local total, distinct = sum(counts)
local previous_total, previous_distinct = sum(previous)

-- The text; if it is cut, between two characters, its length.
local function add_text(list, text)
  local bytes = ''
  if #text > longest then
    bytes = #text
    local last = longest
    while last > 0 and last > longest - 4 and string.find(text, '^[\128-\191]', last + 1) do last = last - 1 end
    text = string.sub(text, 1, last)
  end
  list[#list + 1] = text
  list[#list + 1] = bytes
end

-- One message at a time, for the same reason as above.
local entries, missing = {}, {}
for place = 0, (counts and top or 0) - 1 do
  local message, count = unpack(redis.call('ZRANGE', counts, place, place, 'REV', 'WITHSCORES'))
  if not message then break end
  local before = previous and redis.call('ZSCORE', previous, message)
  add_text(entries, message)
  entries[#entries + 1] = count
  entries[#entries + 1] = before or ''
  entries[#entries + 1] = before and redis.call('ZREVRANK', previous, message) + 1 or ''
  -- No writer of ours has a sample for such a long one: it need not be sought.
  local bytes = #message <= 65536 and redis.call('HSTRLEN', KEYS[5], message) or 0
  if #message > 65536 then
    add_text(entries, '')
  elseif bytes <= 65536 then
    add_text(entries, redis.call('HGET', KEYS[5], message) or '')
  else
    entries[#entries + 1] = ''
    entries[#entries + 1] = bytes
  end
end
-- Only the heaviest of the previous hour are looked through: what nobody would miss is not worth the time.
for place = 0, (previous and gone > 0) and top + gone - 1 or -1 do
  local message, count = unpack(redis.call('ZRANGE', previous, place, place, 'REV', 'WITHSCORES'))
  if not message or #missing >= gone * 3 then break end
  if not (counts and redis.call('ZSCORE', counts, message)) then
    add_text(missing, message)
    missing[#missing + 1] = count
  end
end
return { now, start, since, pstart, between, total, distinct, previous_total, previous_distinct, entries, missing }
