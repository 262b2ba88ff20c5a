#!lua flags=no-writes
-- The fingerprint of a server: what is too long to be part of one is left out.
-- KEYS[1] fingerprint: hash
-- ARGV[1] longest: bytes of a value
-- ARGV[2...] fields
-- Reply: {field, value, ...} of those that are there
local reply = {}
for i = 2, #ARGV do
  local size = redis.call('HSTRLEN', KEYS[1], ARGV[i])
  if size > 0 and size <= tonumber(ARGV[1]) then
    reply[#reply + 1], reply[#reply + 2] = ARGV[i], redis.call('HGET', KEYS[1], ARGV[i])
  end
end
return reply
