#!lua flags=allow-oom
-- Lets go of a batch once SQL has committed it. What SQL refused of it is set aside; what it cannot take as it is
-- (fractions of a count, counts that are not exact, ids that are not text) goes back. Very many of those come in several
-- calls, the last of which lets go.
-- KEYS[1] pending: zset id -> count
-- KEYS[2] inflight: zset, the batch that was written to SQL; unchanged from its claim to here
-- KEYS[3] batch: hash of the batch in flight; `putBack` is the last part that was moved
-- KEYS[4] settled: zset batch id -> epoch ms of its commit here
-- KEYS[5] aside: zset id -> count that SQL refuses
-- KEYS[6] why: hash id aside -> JSON {code, reason, sinceMs, tries}; under '' the definition of the table that refused
-- KEYS[7] due: zset id aside -> epoch ms from which on it is tried again
-- ARGV[1] id: the batch that SQL has recorded
-- ARGV[2] part: 1, 2, ... of what to move
-- ARGV[3] isLast: 1 to let go of the batch, else 0
-- ARGV[4] definition: of the table that refused
-- ARGV[5] forgotten: how many words follow that are settled ids which SQL has forgotten meanwhile
-- ARGV[6...] those ids, then five words for each id to move: mode (`fraction`, `all`, `aside` or `long`), id, and for
-- `aside` the count, the code and the reason. `long` sets aside what nobody has read: instead of the id its place in the
-- batch; it is its own reason
-- Reply: 1, or 0 if that batch is no longer in flight (somebody else let go of it)
-- @include ./denied.lua
-- @include ./aside.lua
local pending, inflight, batch, settled, aside, why, due = unpack(KEYS)
local refusal = denied({ { 'ZINCRBY', pending, 1, 'm' }, { 'ZINCRBY', aside, 1, 'm' }, { 'HSET', batch, 'f', 'v' },
  { 'HSET', why, 'f', 'v' }, { 'HGET', why, 'f' }, { 'HDEL', why, 'f' }, { 'ZSCORE', inflight, 'm' },
  { 'ZSCORE', aside, 'm' }, { 'ZRANGE', inflight, 0, 1 }, { 'ZCARD', inflight }, { 'UNLINK', inflight, batch }, { 'ZADD', settled, 1, 'm' },
  { 'ZADD', due, 1, 'm' }, { 'ZREM', settled, 'm' } })
if refusal then return refusal end
if redis.call('HGET', batch, 'id') ~= ARGV[1] then return 0 end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local firstPauseMs, longestPauseMs = 3600000, 86400000

local function explain(id, code, reason)
  local isRead, known = pcall(cjson.decode, redis.call('HGET', why, id) or '')
  if not isRead or type(known) ~= 'table' then known = {} end
  local tries = (tonumber(known.tries) or 0) + 1
  local pauseMs = math.min(firstPauseMs * 2 ^ math.min(tries - 1, 10), longestPauseMs)
  redis.call('HSET', why, id, cjson.encode({ code = code, reason = reason, tries = tries,
    sinceMs = tonumber(known.sinceMs) or now }), '', ARGV[4])
  redis.call('ZADD', due, string.format('%.0f', now + pauseMs), id)
end

local afterForgotten = 6 + tonumber(ARGV[5])
if tonumber(redis.call('HGET', batch, 'putBack') or '0') < tonumber(ARGV[2]) then
  for i = afterForgotten, #ARGV, 5 do
    local mode, id, count = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    local text
    if mode == 'long' then
      id, text = unpack(redis.call('ZRANGE', inflight, id, id, 'WITHSCORES'))
      if isExact(tonumber(text)) and addAside(aside, id, text) then
        redis.call('HSET', why, '', ARGV[4])
        text = nil
      end
    else
      text = redis.call('ZSCORE', inflight, id)
    end
    if mode == 'aside' then
      if addAside(aside, id, count) then explain(id, ARGV[i + 3], ARGV[i + 4])
      else redis.call('ZINCRBY', pending, count, id) end
    elseif text then
      local back = text
      if mode == 'fraction' then back = string.format('%.17g', math.fmod(tonumber(text), 1)) end
      redis.call('ZINCRBY', pending, back, id)
    end
  end
  redis.call('HSET', batch, 'putBack', ARGV[2])
end

if ARGV[3] == '1' then
  -- What went well this time is aside no longer.
  if redis.call('HGET', batch, 'retry') == '1' then
    for place = 0, redis.call('ZCARD', inflight) - 1 do
      local id = redis.call('ZRANGE', inflight, place, place)[1]
      if not redis.call('ZSCORE', aside, id) then redis.call('HDEL', why, id) end
    end
  end
  redis.call('UNLINK', inflight, batch)
  redis.call('ZADD', settled, string.format('%.0f', now), ARGV[1])
  for i = 6, afterForgotten - 1 do redis.call('ZREM', settled, ARGV[i]) end
end
return 1
