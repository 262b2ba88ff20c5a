#!lua flags=no-writes
-- What is there for a consumer, oldest first, and what became of the run.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] members: zset member -> id of the last message seen
-- KEYS[4] messages: zset JSON -> id
-- ARGV[1] id: the consumer's
-- ARGV[2] after: only what follows this message
-- ARGV[3] limit: so many messages at most
-- Reply: {cursor or false, run, the run before, 1 if it is over, its done message, {message, its id, its entry in the
--   ledger or false, ...}, how often parts set aside were wanted again}
local cursor = redis.call('ZSCORE', KEYS[3], ARGV[1])
local settings = redis.call('HMGET', KEYS[1], 'run', 'before', 'closed', 'done', 'retries')
local found = {}
if cursor then
  local messages = redis.call('ZRANGE', KEYS[4], '(' .. ARGV[2], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[3], 'WITHSCORES')
  for i = 1, #messages, 2 do
    local isJson, message = pcall(cjson.decode, messages[i])
    local part = isJson and type(message) == 'table' and message.message
    found[#found + 1] = messages[i]
    found[#found + 1] = messages[i + 1]
    found[#found + 1] = type(part) == 'string' and redis.call('HGET', KEYS[2], part) or false
  end
end
return { cursor, settings[1] or '', settings[2] or '', settings[3] or '', settings[4] or '', found, settings[5] or '' }
