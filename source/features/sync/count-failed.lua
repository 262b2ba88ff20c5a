#!lua flags=no-writes
-- How many paths fail at each of some targets. Records say so themselves, but for those of versions before.
-- KEYS[1] failed: hash, target + newline + path -> JSON
-- ARGV[1...] targets
-- Reply: {count, ...} of each
local reply, cursor = {}, '0'
for i = 1, #ARGV do reply[i] = 0 end
if redis.call('HLEN', KEYS[1]) == 0 then return reply end
repeat
  local page = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', 100)
  cursor = page[1]
  for i = 1, #page[2], 2 do
    for j, target in ipairs(ARGV) do
      if string.sub(page[2][i], 1, #target + 1) == target .. '\n' then reply[j] = reply[j] + 1 end
    end
  end
until cursor == '0'
return reply
