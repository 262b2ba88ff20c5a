#!lua flags=no-writes
-- The messages that came most often, for a writer to learn templates from.
-- KEYS[1] common: zset message or template -> count, of this hour
-- KEYS[2] last: the same of an hour before
-- ARGV[1] most: at most so many of each
-- ARGV[2] longest: bytes; longer messages are left out: no writer of ours counts under such
-- Reply: the messages
local reply = {}
for _, key in ipairs(KEYS) do
  for place = 0, ARGV[1] - 1 do
    -- One at a time: nobody's long message is in memory beside another.
    local message = redis.call('ZRANGE', key, place, place, 'REV')[1]
    if not message then break end
    if #message <= tonumber(ARGV[2]) then reply[#reply + 1] = message end
  end
end
return reply
