#!lua flags=allow-oom
-- A consumer has finished a message. Its part is counted once, and freed when everybody expected has finished it.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- KEYS[4] members: zset member -> id of the last message seen
-- KEYS[5] messages: zset JSON -> id
-- KEYS[6] carry: hash consumer:file -> the beginning of a line whose rest comes with the next part
-- KEYS[7] data: string
-- KEYS[8] counter: string, how many consumers have finished it
-- KEYS[9] seen: zset room -> id of the last message this consumer saw; absent in Cluster
-- ARGV[1] room: the channel's name as members know it
-- ARGV[2] id: the consumer's
-- ARGV[3] token: this process's own
-- ARGV[4] message: its id
-- ARGV[5] part: its name; empty when the message is about none
-- ARGV[6] carry field
-- ARGV[7] carry: empty for none
-- ARGV[8] publish: PUBLISH, or SPUBLISH in Cluster
-- ARGV[9] doorbell: the channel that hears of room
-- ARGV[10] before: up to which message this consumer has finished everything, as far as it knows
-- Reply: {'done', bytes freed}, {'rewound'} when this server knows less than that, or {'replaced'} when somebody else took this consumer's place
local cursor = redis.call('ZSCORE', KEYS[4], ARGV[2])
local holder = redis.call('HGET', KEYS[3], 'c:' .. ARGV[2])
holder = holder and cjson.decode(holder)
if not cursor or not holder or holder.token ~= ARGV[3] then return { 'replaced' } end
if tonumber(cursor) >= tonumber(ARGV[4]) then return { 'done', 0 } end -- sent again
-- What was finished in between was acknowledged by a server that is no more, and is waited for here.
if tonumber(cursor) < tonumber(ARGV[10]) then return { 'rewound' } end
local freed = 0
if ARGV[5] ~= '' then
  local stored = redis.call('HGET', KEYS[2], ARGV[5])
  local entry = stored and cjson.decode(stored)
  local isOurs = entry and entry.id == tonumber(ARGV[4])
  -- One that follows the book is freed by its own shipper. Counting what is gone would spoil the next of that name.
  if isOurs or not entry and redis.call('EXISTS', KEYS[7]) == 1 then
    local count = redis.call('INCR', KEYS[8])
    if isOurs then
      local _, want = entry.want:gsub('%S+', '')
      if count >= want then
        redis.call('DEL', KEYS[7], KEYS[8])
        redis.call('HDEL', KEYS[2], ARGV[5])
        redis.call('HINCRBY', KEYS[1], 'used', -entry.cost)
        freed = entry.cost
      else
        entry.finished = entry.finished .. ARGV[2] .. ' '
        redis.call('HSET', KEYS[2], ARGV[5], cjson.encode(entry))
      end
    end
  end
  if ARGV[7] ~= '' then redis.call('HSET', KEYS[6], ARGV[6], ARGV[7]) else redis.call('HDEL', KEYS[6], ARGV[6]) end
end
redis.call('ZADD', KEYS[4], 'XX', 'GT', ARGV[4], ARGV[2])
if KEYS[9] then redis.call('ZADD', KEYS[9], 'GT', ARGV[4], ARGV[1]) end
local slowest = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', slowest[2])
local time = redis.call('TIME')
holder.at = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[3], 'c:' .. ARGV[2], cjson.encode(holder))
if freed > 0 then redis.pcall(ARGV[8], ARGV[9], 'room') end
return { 'done', freed }
