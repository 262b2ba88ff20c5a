#!lua flags=no-writes
-- What is there for a consumer, oldest first, and what became of the run.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] members: zset member -> id of the last message seen
-- KEYS[4] messages: zset JSON -> id
-- ARGV[1] id: the consumer's
-- ARGV[2] after: only what follows this message
-- ARGV[3] limit: so many messages at most
-- ARGV[4] longest: bytes of a message, and of an entry of the ledger; of a longer one comes so much that it cannot be read
-- ARGV[5] budget: bytes; with this many the reply ends, after one message at least
-- Reply: {cursor or false, run, the run before, 1 if it is over, its done message, {message, its id, its entry in the
--   ledger or false, ...}, how often parts set aside were wanted again}
local longest, budget = tonumber(ARGV[4]), tonumber(ARGV[5])
local cursor = redis.call('ZSCORE', KEYS[3], ARGV[1])
local settings = {}
for i, name in ipairs({ 'run', 'before', 'closed', 'done', 'retries' }) do
  -- Ours are shorter.
  settings[i] = redis.call('HSTRLEN', KEYS[1], name) <= 1024 and redis.call('HGET', KEYS[1], name)
end
local found = {}
if cursor then
  local messages = redis.call('ZRANGE', KEYS[4], '(' .. ARGV[2], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[3], 'WITHSCORES')
  local spent = 0
  for i = 1, #messages, 2 do
    local text, entry = messages[i], false
    if #text > longest then
      text = string.sub(text, 1, 256)
    else
      local isJson, message = pcall(cjson.decode, text)
      local part = isJson and type(message) == 'table' and message.message
      local isThere = type(part) == 'string' and redis.call('HEXISTS', KEYS[2], part) == 1
      if isThere then
        entry = redis.call('HSTRLEN', KEYS[2], part) <= longest and redis.call('HGET', KEYS[2], part) or 'too long'
      end
    end
    found[#found + 1], found[#found + 2], found[#found + 3] = text, messages[i + 1], entry
    spent = spent + #text + (entry and #entry or 0)
    if spent >= budget then break end
  end
end
return { cursor, settings[1] or '', settings[2] or '', settings[3] or '', settings[4] or '', found, settings[5] or '' }
