#!lua flags=no-writes
-- What waits in the buffers of some types, cheaply: totals of very large ones are estimated from a sample.
-- KEYS[1...] pending, inflight, batch, oldest, status, aside: six keys for each type
-- ARGV[1] exactUpTo: add up every count as long as there are no more ids than this
-- ARGV[2] sample: how many random ids an estimate is made from
-- ARGV[3] mostBytes: of a field of `status`; longer ones are left out
-- ARGV[4...] fields of `status`
-- Reply: {now in epoch ms, then for each type: 'WRONG_TYPE' or {three times {ids, total, 1 if exact} for pending, inflight
-- and aside, oldest epoch ms or '', id of the batch or '', its oldest epoch ms or '', when it was claimed or '', 1 if it
-- says for which target, {field, value, ... of status}}}
local exactUpTo, sample, mostBytes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kinds = { 'zset', 'zset', 'hash', 'string', 'hash', 'zset' }

local function sum(key)
  local ids = redis.call('ZCARD', key)
  if ids == 0 then return { 0, '0', 1 } end
  local isExact = ids <= exactUpTo
  local flat = isExact and redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    or redis.call('ZRANDMEMBER', key, sample, 'WITHSCORES')
  local total = 0
  for i = 2, #flat, 2 do total = total + tonumber(flat[i]) end
  if not isExact then total = total / (#flat / 2) * ids end
  -- Beyond that, doubles round.
  if math.abs(total) > 9007199254740991 then isExact = false end
  return { ids, string.format('%.17g', total), isExact and 1 or 0 }
end

local function holdsOthersData(first)
  for k, kind in ipairs(kinds) do
    local found = redis.call('TYPE', KEYS[first + k - 1]).ok
    if found ~= kind and found ~= 'none' then return true end
  end
end

local function text(key)
  return redis.call('STRLEN', key) <= mostBytes and redis.call('GET', key) or ''
end

local function field(key, name)
  if redis.call('HSTRLEN', key, name) > mostBytes then return '' end
  return redis.call('HGET', key, name) or ''
end

local time = redis.call('TIME')
local reply = { string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)) }
for i = 1, #KEYS, #kinds do
  if holdsOthersData(i) then
    reply[#reply + 1] = 'WRONG_TYPE'
  else
    local status = {}
    for j = 4, #ARGV do
      local value = field(KEYS[i + 4], ARGV[j])
      if value ~= '' then
        status[#status + 1] = ARGV[j]
        status[#status + 1] = value
      end
    end
    reply[#reply + 1] = { sum(KEYS[i]), sum(KEYS[i + 1]), sum(KEYS[i + 5]), text(KEYS[i + 3]),
      field(KEYS[i + 2], 'id'), field(KEYS[i + 2], 'oldestMs'), field(KEYS[i + 2], 'claimedMs'),
      redis.call('HEXISTS', KEYS[i + 2], 'target'), status }
  end
end
return reply
