#!lua
-- A shipper comes: it joins the live run of the channel, resumes one that was cut short, or begins a new one.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] files: hash file -> JSON, how far each one is
-- KEYS[4] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- KEYS[5] members: zset member -> id of the last message seen
-- KEYS[6] messages: zset JSON -> id
-- KEYS[7] ids: counter of the room's messages
-- KEYS[8] seen: zset room -> last seen id of the first consumer; one more for each consumer, none in Cluster
-- ARGV[1] room: the channel's name as members know it
-- ARGV[2] token: this shipper's own
-- ARGV[3] shipper: JSON to remember it by
-- ARGV[4] lease: milliseconds of silence after which a shipper counts as gone
-- ARGV[5] gone: tokens of shippers known to be gone, each between spaces
-- ARGV[6] run: name for a new run
-- ARGV[7] budget: bytes
-- ARGV[8] base: bytes of the budget kept free for connections and bookkeeping
-- ARGV[9] each: bytes kept free for each shipper
-- ARGV[10] least: bytes that one part needs; what is kept free gives way to it
-- ARGV[11] window: bytes a consumer may have in flight
-- ARGV[12] consumers: how many; they are called 0, 1, 2, ...
-- ARGV[13] past: consumers may have seen messages up to here that this server lacks; new ids lie behind it
-- Reply: {'joined' | 'resumed' | 'fresh', run, server}, {'differs', 'budget' | 'consumers', theirs} or {'type', key, expected}
local expected = { 'hash', 'hash', 'hash', 'hash', 'zset', 'zset', 'string' }
for i = 1, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind ~= 'none' and kind ~= (expected[i] or 'zset') then return { 'type', KEYS[i], expected[i] or 'zset' } end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local others = 0
local who = redis.call('HGETALL', KEYS[4])
for i = 1, #who, 2 do
  local token = who[i]:match('^s:(.*)$')
  if token and token ~= ARGV[2] then
    local isGone = ARGV[5]:find(' ' .. token .. ' ', 1, true) or now - cjson.decode(who[i + 1]).at > tonumber(ARGV[4])
    if isGone then redis.call('HDEL', KEYS[4], who[i]) else others = others + 1 end
  end
end

local settings = redis.call('HMGET', KEYS[1], 'run', 'closed', 'budget', 'consumers', 'expect', 'done')
local run, closed, theirs = settings[1], settings[2] == '1', { budget = settings[3], consumers = settings[4] }
local kind = (not run or closed) and 'fresh' or others > 0 and 'joined' or 'resumed'
if kind == 'joined' then
  if theirs.budget ~= ARGV[7] then return { 'differs', 'budget', string.sub(theirs.budget or '', 1, 64) } end
  if theirs.consumers ~= ARGV[12] then return { 'differs', 'consumers', string.sub(theirs.consumers or '', 1, 64) } end
end

local last = tonumber(redis.call('GET', KEYS[7]) or 0)
if last < tonumber(ARGV[13]) then
  last = tonumber(ARGV[13])
  redis.call('SET', KEYS[7], string.format('%.0f', last))
end
if kind == 'fresh' then
  -- What ended the run before must not end this one for those who have not read it yet.
  if settings[6] and settings[6] ~= '' then redis.call('ZREMRANGEBYSCORE', KEYS[6], settings[6], settings[6]) end
  redis.call('DEL', KEYS[3])
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    if field:sub(1, 7) == 'cursor:' then redis.call('HDEL', KEYS[1], field) end
  end
  if redis.call('HLEN', KEYS[2]) == 0 then redis.call('HSET', KEYS[1], 'used', 0) end
  local used = redis.call('HGET', KEYS[1], 'used') or 0
  -- One that was kept open did not say that it was all: whoever served it serves this one, too.
  local before = settings[6] and settings[6] ~= '' and run or ''
  redis.call('HSET', KEYS[1], 'run', ARGV[6], 'before', before, 'closed', '', 'done', '', 'started', now, 'peak', used,
    'files', 0, 'bytes', 0, 'parts', 0)
  run = ARGV[6]
end
if kind == 'fresh' or theirs.consumers ~= ARGV[12] then
  local ids = {}
  for i = 1, tonumber(ARGV[12]) do ids[i] = tostring(i - 1) end
  local expect = ' ' .. table.concat(ids, ' ') .. ' '
  for id in (settings[5] or ''):gmatch('%S+') do
    if not expect:find(' ' .. id .. ' ', 1, true) then redis.call('ZREM', KEYS[5], id) end
  end
  -- Newcomers begin with the next part; who was here keeps its place.
  for i, id in ipairs(ids) do
    redis.call('ZADD', KEYS[5], 'NX', last, id)
    if KEYS[7 + i] then redis.call('ZADD', KEYS[7 + i], 'NX', last, ARGV[1]) end
  end
  -- The source only writes: nothing is kept for it to read.
  redis.call('ZADD', KEYS[5], '+inf', 'source')
  redis.call('SET', KEYS[7], string.format('%.0f', last))
  redis.call('HSET', KEYS[1], 'consumers', ARGV[12], 'expect', expect)
end
local limit = tonumber(ARGV[7]) - tonumber(ARGV[8]) - (others + 1) * tonumber(ARGV[9])
redis.call('HSET', KEYS[1], 'budget', ARGV[7], 'base', ARGV[8], 'each', ARGV[9], 'least', ARGV[10], 'window', ARGV[11],
  'lease', ARGV[4], 'shippers', others + 1, 'limit', math.max(limit, tonumber(ARGV[10])))
local shipper = cjson.decode(ARGV[3])
shipper.at = now
shipper.since = now
redis.call('HSET', KEYS[4], 's:' .. ARGV[2], cjson.encode(shipper))
-- Which server this is: when it is another one by then, it may lack what was acknowledged.
local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and info:match('run_id:(%x+)') or ''
return { kind, run, server }
