#!lua flags=allow-oom
-- Takes a forgotten consumer off parts that are waiting for it, and frees those that wait for nobody else.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] data: string; each part gives two keys
-- KEYS[4] counter: string, how many consumers have finished it
-- ARGV[1] id: the consumer's
-- ARGV[2] publish: PUBLISH, or SPUBLISH in Cluster
-- ARGV[3] budget channel: the channel that is notified when room was given back
-- ARGV[4] part: its name; one more for each part
-- Reply: bytes freed
local freed, mark = 0, ' ' .. ARGV[1] .. ' '
for i = 3, #KEYS, 2 do
  local part = ARGV[4 + (i - 3) / 2]
  local stored = redis.call('HGET', KEYS[2], part)
  local entry = stored and cjson.decode(stored)
  local from, to = (entry and entry.want or ''):find(mark, 1, true)
  -- What it has finished was counted, and stays so.
  if from and not entry.finished:find(mark, 1, true) then
    entry.want = entry.want:sub(1, from) .. entry.want:sub(to + 1)
    local _, want = entry.want:gsub('%S+', '')
    if (tonumber(redis.call('GET', KEYS[i + 1])) or 0) >= want then
      redis.call('DEL', KEYS[i], KEYS[i + 1])
      redis.call('HDEL', KEYS[2], part)
      redis.call('HINCRBY', KEYS[1], 'used', -entry.cost)
      freed = freed + entry.cost
    else
      redis.call('HSET', KEYS[2], part, cjson.encode(entry))
    end
  end
end
if freed > 0 then redis.pcall(ARGV[2], ARGV[3], 'room') end
return freed
