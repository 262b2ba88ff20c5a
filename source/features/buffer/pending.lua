#!lua flags=no-writes
-- What waits in the buffers of some types, cheaply: totals of very large ones are estimated from a sample.
-- KEYS[1...] pending, inflight, batch, oldest, status: five keys for each type
-- ARGV[1] exactUpTo: add up every count as long as there are no more ids than this
-- ARGV[2] sample: how many random ids an estimate is made from
-- Reply: {now in epoch ms, then for each type: 'WRONG_TYPE' or
-- {ids, total, 1 if exact, ids in flight, total in flight, 1 if exact, oldest epoch ms or '',
-- {fields of batch}, {fields of status}}}
local exactUpTo, sample = tonumber(ARGV[1]), tonumber(ARGV[2])

local function isA(kind, key)
  local found = redis.call('TYPE', key).ok
  return found == kind or found == 'none'
end

local function sum(key)
  local ids = redis.call('ZCARD', key)
  if ids == 0 then return 0, '0', 1 end
  local isExact = ids <= exactUpTo
  local flat = isExact and redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    or redis.call('ZRANDMEMBER', key, sample, 'WITHSCORES')
  local total = 0
  for i = 2, #flat, 2 do total = total + tonumber(flat[i]) end
  if not isExact then total = total / (#flat / 2) * ids end
  return ids, string.format('%.17g', total), isExact and 1 or 0
end

local time = redis.call('TIME')
local reply = { string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)) }
for i = 1, #KEYS, 5 do
  if isA('zset', KEYS[i]) and isA('zset', KEYS[i + 1]) and isA('hash', KEYS[i + 2]) and isA('string', KEYS[i + 3])
    and isA('hash', KEYS[i + 4])
  then
    local ids, total, isExact = sum(KEYS[i])
    local inflightIds, inflightTotal, inflightExact = sum(KEYS[i + 1])
    reply[#reply + 1] = { ids, total, isExact, inflightIds, inflightTotal, inflightExact,
      redis.call('GET', KEYS[i + 3]) or '', redis.call('HGETALL', KEYS[i + 2]), redis.call('HGETALL', KEYS[i + 4]) }
  else
    reply[#reply + 1] = 'WRONG_TYPE'
  end
end
return reply
