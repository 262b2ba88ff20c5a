#!lua
-- Takes room for one part out of the budget and allocates it, so that nothing is written that was not paid for.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] files: hash file -> JSON, how far each one is
-- KEYS[4] who: hash of shippers (s:TOKEN) and consumers (c:ID) -> JSON
-- KEYS[5] stage: string, where the part is written until it is announced
-- KEYS[6] data: string, where it will be then
-- KEYS[7] counter: string, how many consumers have finished it
-- ARGV[1] token: this shipper's own
-- ARGV[2] part: its name
-- ARGV[3] entry: JSON for the ledger
-- ARGV[4] record: JSON for the file, as this shipper found or began it
-- ARGV[5] bound: bytes the part may cost at most, without what surrounds it
-- ARGV[6] around: bytes its entries elsewhere cost at most
-- ARGV[7] record cost: bytes the file's record costs at most
-- ARGV[8] content: all of it; empty to only allocate
-- ARGV[9] uncharged: so many file records are covered by what is kept free
-- Reply: {'granted', used}, {'wait', used, limit, shippers}, {'never', needed, limit}, {'busy'} while an older part of this name
--   is not freed, {'stale', stage} when a shipper that is gone left one, {'owned', JSON of the shipper that ships this
--   file}, {'taken', type} when the key is somebody else's, {'fenced'} when this shipper's place is
--   gone, {'nobody'} when every consumer was forgotten
local settings = redis.call('HMGET', KEYS[1], 'run', 'limit', 'used', 'shippers', 'peak', 'lease', 'expect')
local self = redis.call('HGET', KEYS[4], 's:' .. ARGV[1])
if not settings[1] or not self then return { 'fenced' } end
if not (settings[7] or ''):find('%S') then return { 'nobody' } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, used, lease = tonumber(settings[2]), tonumber(settings[3]), tonumber(settings[6])
local entry, record = cjson.decode(ARGV[3]), cjson.decode(ARGV[4])

local function alive(token)
  local stored = redis.call('HGET', KEYS[4], 's:' .. token)
  if stored and now - cjson.decode(stored).at <= lease then return stored end
end

local old = redis.call('HGET', KEYS[2], ARGV[2])
if old then
  old = cjson.decode(old)
  if old.id then return { 'busy' } end
  if old.token == ARGV[1] then return { 'granted', used } end -- sent again
  local owner = alive(old.token)
  if owner then return { 'owned', string.sub(owner, 1, 4096) } end
  return { 'stale', string.sub(old.stage or '', 1, 128) }
end
local known = redis.call('HGET', KEYS[3], entry.file)
local before = known and cjson.decode(known)
local isOwn = before and before.token == ARGV[1] and before.generation == record.generation
if before and not isOwn then
  local owner = before.token ~= ARGV[1] and before.state == 'open' and alive(before.token)
  if owner then return { 'owned', string.sub(owner, 1, 4096) } end
  if before.generation == record.generation and before.shipped ~= record.shipped then return { 'fenced' } end
end
local kind = redis.call('TYPE', KEYS[6]).ok
if kind ~= 'none' then return { 'taken', kind } end
kind = redis.call('TYPE', KEYS[7]).ok
if kind ~= 'none' and kind ~= 'string' then return { 'taken', kind } end

local around, forRecord = tonumber(ARGV[6]), 0
if not known and redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[9]) then forRecord = tonumber(ARGV[7]) end
self = cjson.decode(self)
local function refuse(needed)
  if needed > limit then return { 'never', needed, limit } end
  self.need = needed
  self.waiting = self.waiting or now
  self.at = now
  redis.call('HSET', KEYS[4], 's:' .. ARGV[1], cjson.encode(self))
  return { 'wait', used, limit, tonumber(settings[4]) }
end
local needed = tonumber(ARGV[5]) + around + forRecord
if used + needed > limit then return refuse(needed) end
-- First come, first served: a stream of small parts must not starve somebody who waits for room for a large one.
if tonumber(settings[4]) > 1 then
  local who = redis.call('HGETALL', KEYS[4])
  for i = 1, #who, 2 do
    if who[i]:sub(1, 2) == 's:' and who[i] ~= 's:' .. ARGV[1] then
      local other = cjson.decode(who[i + 1])
      if other.waiting and now - other.at <= lease and other.waiting < (self.waiting or now) then return refuse(needed) end
    end
  end
end

if ARGV[8] ~= '' or entry.bytes == 0 then redis.call('SET', KEYS[5], ARGV[8])
else redis.call('SETRANGE', KEYS[5], entry.bytes - 1, '\0') end
entry.cost = redis.call('MEMORY', 'USAGE', KEYS[5]) + around
-- The bound knows one allocator; another may round up further.
if used + entry.cost + forRecord > limit then
  redis.call('DEL', KEYS[5])
  return refuse(entry.cost + forRecord)
end
entry.token = ARGV[1]
redis.call('HSET', KEYS[2], ARGV[2], cjson.encode(entry))
if not isOwn then
  record.token = ARGV[1]
  if forRecord > 0 then record.cost = forRecord end
  redis.call('HSET', KEYS[3], entry.file, cjson.encode(record))
end
used = redis.call('HINCRBY', KEYS[1], 'used', entry.cost + forRecord)
if used > tonumber(settings[5]) then redis.call('HSET', KEYS[1], 'peak', used) end
if self.waiting then
  self.waiting, self.need, self.at = nil, nil, now
  redis.call('HSET', KEYS[4], 's:' .. ARGV[1], cjson.encode(self))
end
return { 'granted', used }
