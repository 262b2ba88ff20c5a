#!lua flags=allow-oom
-- Takes everything pending as one batch; a batch that is still in flight is handed out again under the same id.
-- KEYS[1] pending: zset id -> count
-- KEYS[2] inflight: zset, the batch being written to SQL
-- KEYS[3] batch: hash of the batch in flight: id, target, claimedMs, oldestMs
-- KEYS[4] oldest: string, epoch ms; nothing in `pending` is older
-- KEYS[5] settled: zset batch id -> epoch ms of its commit here
-- ARGV[1] newId: the id a new batch gets
-- ARGV[2] target: which database the caller writes to
-- ARGV[3] keepMs: a batch settled longer ago than this may be forgotten by SQL
-- Reply: {id or '', 1 if it was in flight already else 0, {settled ids that SQL may forget}};
-- or the errors WRONG_TYPE key, ELSEWHERE target
local pending, inflight, batch, oldest, settled = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local nowText = string.format('%.0f', now)
local function forgettable()
  return redis.call('ZRANGEBYSCORE', settled, '-inf', string.format('%.0f', now - tonumber(ARGV[3])), 'LIMIT', 0, 100)
end

local id = redis.call('HGET', batch, 'id')
if id then
  local target = redis.call('HGET', batch, 'target')
  if target and target ~= ARGV[2] then return redis.error_reply('ELSEWHERE ' .. target) end
  redis.call('HSET', batch, 'target', ARGV[2])
  return { id, 1, forgettable() }
end

-- RENAME takes any type along and overwrites its destination, so look first.
for _, key in ipairs({ inflight, pending }) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'zset' and kind ~= 'none' then return redis.error_reply('WRONG_TYPE ' .. key) end
end
local isOrphan = redis.call('EXISTS', inflight) == 1
if not isOrphan then
  if redis.call('EXISTS', pending) == 0 then
    redis.call('SET', oldest, nowText)
    return { '', 0, {} }
  end
  redis.call('RENAME', pending, inflight)
end
redis.call('HSET', batch, 'id', ARGV[1], 'target', ARGV[2], 'claimedMs', nowText,
  'oldestMs', redis.call('GET', oldest) or nowText)
if not isOrphan then redis.call('SET', oldest, nowText) end
return { ARGV[1], 0, forgettable() }
