#!lua flags=no-writes
-- Everything about channels but their files, in one look: seven keys for each, again and again. What is too long to be
-- ours is left out and counted.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] files: hash file -> JSON, how far each one is
-- KEYS[4] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- KEYS[5] members: zset member -> id of the last message seen
-- KEYS[6] messages: zset JSON -> id
-- KEYS[7] aside: hash consumer:part -> JSON, parts that a consumer set aside
-- KEYS[8..] more: the seven keys of the next channels
-- ARGV[1] limit: about so many parts of each, and parts set aside, at most
-- ARGV[2] longest: bytes of a setting; of a field and its value together
-- ARGV[3] budget: bytes; so many of parts, and half as many of who and of what is aside; channels after it are not looked at
-- ARGV[4...] the settings that are wanted, `expect` among them
-- Reply: of each channel that was looked at {epoch ms, settings, who, {member, cursor, messages behind it, ...}, {part, JSON,
-- Reply: ...}, how many parts, how many files, {consumer:part, JSON, ...}, how many are set aside, how many entries were left
-- Reply: out, and their bytes, 1 if no part is missing but those}; where several are wanted, the text of its error instead
local limit, longest, budget = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local leftOut, leftOutBytes, spent = 0, 0, 0

local function leaveOut(size)
  leftOut, leftOutBytes = leftOut + 1, leftOutBytes + size
end

-- Fields and values of a hash until there are enough; whether those are all of them does not matter here.
local function fieldsOf(key, most, bytes)
  local found, met, cursor, isCut = {}, 0, '0', false
  repeat
    local page = redis.call('HSCAN', key, cursor, 'COUNT', 20)
    cursor = page[1]
    for i = 1, #page[2], 2 do
      local size = #page[2][i] + #page[2][i + 1]
      met = met + 1
      if size > longest then leaveOut(size)
      elseif bytes > 0 then
        bytes, spent = bytes - size, spent + size
        found[#found + 1], found[#found + 2] = page[2][i], page[2][i + 1]
      else
        isCut = true
      end
    end
  until cursor == '0' or met >= most or bytes <= 0
  return found, redis.call('HLEN', key) - #found / 2, cursor == '0' and not isCut and 1 or 0
end

local function look(settingsKey, partsKey, filesKey, whoKey, membersKey, messagesKey, asideKey)
  leftOut, leftOutBytes = 0, 0
  local settings, expect = {}, ''
  for i = 4, #ARGV do
    local size = redis.call('HSTRLEN', settingsKey, ARGV[i])
    local value = size <= longest and redis.call('HGET', settingsKey, ARGV[i])
    if size > longest then leaveOut(size) end
    if value then settings[#settings + 1], settings[#settings + 2] = ARGV[i], value end
    if ARGV[i] == 'expect' then expect = value or '' end
  end
  local who, unknown = fieldsOf(whoKey, 2000, budget / 2)
  -- Of parts the count tells that some are not shown.
  leftOut = math.max(leftOut, unknown)
  local count = redis.call('HLEN', partsKey)
  local parts, _, isWhole = fieldsOf(partsKey, limit, budget)
  local asides = redis.call('HLEN', asideKey)
  local aside = fieldsOf(asideKey, limit, budget / 2)
  local members = {}
  for id in expect:gmatch('%S+') do
    local cursor = redis.call('ZSCORE', membersKey, id) or '0'
    members[#members + 1] = id
    members[#members + 1] = cursor
    members[#members + 1] = redis.call('ZCOUNT', messagesKey, '(' .. cursor, '+inf')
  end
  return {
    now, settings, who, members, parts, count, redis.call('HLEN', filesKey), aside, asides, leftOut, leftOutBytes,
    isWhole,
  }
end

if #KEYS == 7 then return { look(unpack(KEYS)) } end
local channels = {}
for i = 1, #KEYS, 7 do
  if spent >= budget then break end
  local isRead, reply = pcall(look, unpack(KEYS, i, i + 6))
  if not isRead then reply = type(reply) == 'table' and reply.err or tostring(reply) end
  channels[#channels + 1] = reply
end
return channels
