#!lua
-- Announces small files, each of them one part, one after the other in one step, up to the first that is not plain: then
-- it is announced by itself, which finds out what to do about it.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] files: hash file -> JSON, how far each one is
-- KEYS[4] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- KEYS[5] messages: zset JSON -> id
-- KEYS[6] ids: counter of the room's messages
-- KEYS[7] lock: the legacy (Redis in Action) lock around sending; its owner holds an id that is not stored yet
-- KEYS[8] data: string, where it goes; each file gives two keys
-- KEYS[9] counter: string, how many consumers have finished it
-- ARGV[1] token: this shipper's own
-- ARGV[2] publish: PUBLISH, or SPUBLISH in Cluster
-- ARGV[3] message channel: the channel that the consumers listen to
-- ARGV[4] cursor field: where this shipper keeps which of its files came last
-- ARGV[5] cursor: JSON of that, as it is before the first of these files
-- ARGV[6] uncharged: so many file records are covered by what is kept free
-- ARGV[7] server: the one this shipper came to
-- ARGV[8] part: its name; ten words for each file
-- ARGV[9] file: its name
-- ARGV[10] generation: of the file, which nothing else has
-- ARGV[11] entry: JSON for the ledger without its end
-- ARGV[12] record: JSON for the file, as it is after this part, without its end
-- ARGV[13] bound: bytes the part may cost at most, without what surrounds it
-- ARGV[14] around: bytes its entries elsewhere cost at most
-- ARGV[15] record cost: bytes the file's record costs at most
-- ARGV[16] quiet: 1 if the file was not touched since the shipping began, so that the cursor is enough to know it by
-- ARGV[17] content: all of it
-- Reply: {how many of them are announced, bytes used, id of the last message}; ids and bytes are 0 where none is
local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and info:match('run_id:(%x+)') or ''
local settings = redis.call('HMGET', KEYS[1], 'limit', 'used', 'shippers', 'peak', 'expect', 'done', ARGV[4])
local isPlain = server == ARGV[7] and settings[1] and tonumber(settings[3]) == 1 and (settings[5] or ''):find('%S')
  and (settings[6] or '') == '' and redis.call('EXISTS', KEYS[7]) == 0
  and redis.call('HEXISTS', KEYS[4], 's:' .. ARGV[1]) == 1
if not isPlain then return { 0, 0, 0 } end

local width, files = 10, (#KEYS - 7) / 2
local parts, names = {}, {}
for i = 1, files do
  parts[i] = ARGV[width * i - 2]
  names[i] = ARGV[width * i - 1]
end
local ledger = redis.call('HMGET', KEYS[2], unpack(parts))
local known = redis.call('HMGET', KEYS[3], unpack(names))
local cursor = cjson.decode(settings[7] or ARGV[5])
-- Sent again after its answer was lost: those up to the cursor are announced, or by now freed.
local from = 1
for i = 1, files do
  if ARGV[width * i] == cursor.generation then from = i + 1 end
end

local limit, used, records = tonumber(settings[1]), tonumber(settings[2]), redis.call('HLEN', KEYS[3])
local before, uncharged, placed = used, tonumber(ARGV[6]), {}
for i = from, files do
  local at, data, counter = width * i - 2, KEYS[6 + 2 * i], KEYS[7 + 2 * i]
  if ledger[i] or known[i] or redis.call('EXISTS', data, counter) > 0 then break end
  local isRecorded = ARGV[at + 8] ~= '1' or records < uncharged
  local around = tonumber(ARGV[at + 6])
  local forRecord = isRecorded and records >= uncharged and tonumber(ARGV[at + 7]) or 0
  if used + tonumber(ARGV[at + 5]) + around + forRecord > limit then break end
  redis.call('SET', data, ARGV[at + 9])
  local cost = redis.call('MEMORY', 'USAGE', data) + around
  -- The bound knows one allocator; another may round up further.
  if used + cost + forRecord > limit then
    redis.call('DEL', data)
    break
  end
  used = used + cost + forRecord
  if isRecorded then records = records + 1 end
  placed[#placed + 1] = { at = at, cost = cost, forRecord = forRecord, isRecorded = isRecorded }
end
local count = #placed
if count == 0 then return { from - 1, used, 0 } end

local time = redis.call('TIME')
local now, ts = time[1] * 1000 + math.floor(time[2] / 1000), time[1] + time[2] / 1e6
local first = redis.call('INCRBY', KEYS[6], count) - count
local messages, entries, kept, bytes = {}, {}, {}, 0
for i, file in ipairs(placed) do
  local id, part, at = first + i, ARGV[file.at], file.at
  messages[2 * i - 1] = id
  messages[2 * i] = cjson.encode({ id = id, ts = ts, sender = 'source', message = part })
  entries[2 * i - 1] = part
  entries[2 * i] = ('%s,"id":%.0f,"announced":%.0f,"cost":%.0f,"want":%s,"finished":" "}'):format(
    ARGV[at + 3], id, now, file.cost, cjson.encode(settings[5]))
  if file.isRecorded then
    kept[#kept + 1] = ARGV[at + 1]
    kept[#kept + 1] = ARGV[at + 4] .. (file.forRecord > 0 and (',"cost":%.0f}'):format(file.forRecord) or '}')
  end
  bytes = bytes + #ARGV[at + 9]
end
local last = placed[count].at
cursor.name, cursor.generation, cursor.count = ARGV[last + 1], ARGV[last + 2], cursor.count + count
redis.call('ZADD', KEYS[5], unpack(messages))
redis.call('HSET', KEYS[2], unpack(entries))
if #kept > 0 then redis.call('HSET', KEYS[3], unpack(kept)) end
redis.call('HSET', KEYS[1], ARGV[4], cjson.encode(cursor))
redis.call('HINCRBY', KEYS[1], 'used', used - before)
redis.call('HINCRBY', KEYS[1], 'bytes', bytes)
redis.call('HINCRBY', KEYS[1], 'parts', count)
redis.call('HINCRBY', KEYS[1], 'files', count)
if used > tonumber(settings[4]) then redis.call('HSET', KEYS[1], 'peak', used) end
redis.pcall(ARGV[2], ARGV[3], messages[2 * count])
return { from - 1 + count, used, first + count }
