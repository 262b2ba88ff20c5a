#!lua flags=allow-oom
-- Lets a consumer take parts again that it had set aside.
-- KEYS[1] aside: hash consumer:part -> JSON, parts that a consumer set aside
-- KEYS[2] settings: hash, the run, its budget and totals
-- ARGV[1] publish: PUBLISH, or SPUBLISH in Cluster
-- ARGV[2] message channel: the channel that the consumers listen to
-- ARGV[3] field: consumer:part; one more for each part
-- Reply: for each field 1, or 0 when it is not aside
local reply, changed = {}, false
for i = 3, #ARGV do
  local stored = redis.call('HGET', KEYS[1], ARGV[i])
  if stored then
    local record = cjson.decode(stored)
    if not record.retry then
      record.retry = true
      redis.call('HSET', KEYS[1], ARGV[i], cjson.encode(record))
      changed = true
    end
  end
  reply[#reply + 1] = stored and 1 or 0
end
-- A consumer that is running notices by this that it is to look again.
if changed and redis.call('EXISTS', KEYS[2]) == 1 then redis.call('HINCRBY', KEYS[2], 'retries', 1) end
redis.pcall(ARGV[1], ARGV[2], 'retry')
return reply
