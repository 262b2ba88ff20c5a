#!lua flags=no-writes
-- The records of a channel's targets; what is too large to be a record is left out of the reply, not of the count.
-- KEYS[1] targets: hash, target -> JSON
-- KEYS[2] failed: hash, target + newline + path -> JSON
-- ARGV[1] mostFields: look at so many fields
-- ARGV[2] mostBytes: of a name or a record
-- Reply: {how many fields were too large, or beyond mostFields; how many fields `failed` has; target, JSON, ...}
local most, bytes = tonumber(ARGV[1]), tonumber(ARGV[2])
local reply = { 0, redis.call('HLEN', KEYS[2]) }
local all = redis.call('HLEN', KEYS[1])
local seen, cursor = 0, '0'
repeat
  local page = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', 100)
  cursor = page[1]
  for i = 1, #page[2], 2 do
    seen = seen + 1
    if seen <= most and #page[2][i] <= bytes and #page[2][i + 1] <= bytes then
      reply[#reply + 1] = page[2][i]
      reply[#reply + 1] = page[2][i + 1]
    else
      reply[1] = reply[1] + 1
    end
  end
until cursor == '0' or seen >= most
reply[1] = reply[1] + math.max(0, all - seen)
return reply
