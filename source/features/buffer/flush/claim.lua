#!lua flags=allow-oom
-- Takes everything pending as one batch; a batch that is still in flight is handed out again under the same id. New
-- counts of ids that are set aside join them instead. Ids aside that are due become a batch of their own.
-- KEYS[1] pending: zset id -> count
-- KEYS[2] inflight: zset, the batch being written to SQL
-- KEYS[3] batch: hash of the batch in flight: id, target, claimedMs, oldestMs, retry
-- KEYS[4] oldest: string, epoch ms; nothing in `pending` is older
-- KEYS[5] settled: zset batch id -> epoch ms of its commit here
-- KEYS[6] aside: zset id -> count that SQL refuses
-- KEYS[7] why: hash id aside -> JSON; under '' the definition of the table that refused
-- KEYS[8] due: zset id aside -> epoch ms from which on it is tried again
-- ARGV[1] newId: the id a new batch gets
-- ARGV[2] target: which database the caller writes to
-- ARGV[3] keepMs: a batch settled longer ago than this may be forgotten by SQL
-- ARGV[4] what: `pending`, or `due` for at most 500 of the ids aside that are due
-- ARGV[5] definition: of the caller's table; when it is another one than before, all ids aside are due
-- Reply: {id or '', 1 if it was in flight already else 0, how many ids are aside, how many of them are due,
-- {settled ids that SQL may forget}}; or the errors WRONG_TYPE key, ELSEWHERE target
-- @include ./denied.lua
-- @include ./aside.lua
local pending, inflight, batch, oldest, settled, aside, why, due = unpack(KEYS)
local mostDue = 500
-- Bytes of an id of a batch, and of a time: what others have put there instead is not looked at.
local longestBatch, longestTime = 200, 32

local refusal = denied({ { 'RENAME', pending, inflight }, { 'HSET', batch, 'f', 'v' }, { 'SET', oldest, 'v' },
  { 'ZINCRBY', aside, 1, 'm' }, { 'ZREM', inflight, 'm' }, { 'ZADD', inflight, 1, 'm' }, { 'ZSCORE', inflight, 'm' },
  { 'ZSCAN', aside, 0 }, { 'ZCARD', aside }, { 'ZCOUNT', due, 0, 1 },
  { 'ZRANGEBYSCORE', due, 0, 1 }, { 'HGET', why, 'f' } })
if refusal then return refusal end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local nowText = string.format('%.0f', now)
local function answer(id, isResumed)
  local before = string.format('%.0f', now - tonumber(ARGV[3]))
  local forgettable = {}
  for _, old in ipairs(id == '' and {} or redis.call('ZRANGEBYSCORE', settled, '-inf', before, 'LIMIT', 0, 100)) do
    if #old <= longestBatch then forgettable[#forgettable + 1] = old end
  end
  return { id, isResumed, redis.call('ZCARD', aside), redis.call('ZCOUNT', due, '-inf', now), forgettable }
end

local id = redis.call('HSTRLEN', batch, 'id') <= longestBatch and redis.call('HGET', batch, 'id')
if id then
  local target = redis.call('HGET', batch, 'target')
  if target and target ~= ARGV[2] then return redis.error_reply('ELSEWHERE ' .. string.sub(target, 1, longestBatch)) end
  redis.call('HSET', batch, 'target', ARGV[2])
  return answer(id, 1)
end

-- RENAME takes any type along and overwrites its destination, so look first.
for _, key in ipairs({ inflight, pending, aside, due }) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'zset' and kind ~= 'none' then return redis.error_reply('WRONG_TYPE ' .. key) end
end
-- A few at a time, as they may be long; by name, as adding to a count moves it in the order of counts.
local function eachAside(act)
  local cursor = '0'
  repeat
    local page = redis.call('ZSCAN', aside, cursor, 'COUNT', 16)
    cursor = page[1]
    for i = 1, #page[2], 2 do act(page[2][i]) end
  until cursor == '0'
end
local function begin(since, retry)
  redis.call('HSET', batch, 'id', ARGV[1], 'target', ARGV[2], 'claimedMs', nowText, 'oldestMs', since, 'retry', retry)
  return answer(ARGV[1], 0)
end

if ARGV[5] ~= '' and redis.call('EXISTS', aside) == 1 and redis.call('HGET', why, '') ~= ARGV[5] then
  eachAside(function(member) redis.call('ZADD', due, 0, member) end)
  redis.call('HSET', why, '', ARGV[5])
end

local isOrphan = redis.call('EXISTS', inflight) == 1
if ARGV[4] == 'due' and not isOrphan then
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', nowText, 'LIMIT', 0, mostDue)) do
    local count = redis.call('ZSCORE', aside, member)
    if count then redis.call('ZADD', inflight, count, member) end
    redis.call('ZREM', aside, member)
    redis.call('ZREM', due, member)
  end
  if redis.call('EXISTS', inflight) == 0 then return answer('', 0) end
  return begin(nowText, '1')
end
local since = redis.call('STRLEN', oldest) <= longestTime and redis.call('GET', oldest) or nowText
if not isOrphan then
  redis.call('SET', oldest, nowText)
  if redis.call('EXISTS', pending) == 0 then return answer('', 0) end
  redis.call('RENAME', pending, inflight)
  eachAside(function(member)
    local count = redis.call('ZSCORE', inflight, member)
    if count and addAside(aside, member, count) then redis.call('ZREM', inflight, member) end
  end)
  if redis.call('EXISTS', inflight) == 0 then return answer('', 0) end
end
return begin(since, '0')
