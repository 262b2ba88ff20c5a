#!lua flags=no-writes
-- Adds up counts, a part of a scan at a time.
-- KEYS[1] counts: zset id -> count
-- ARGV[1] cursor: '0' to begin
-- ARGV[2] most: about so many ids
-- ARGV[3] names: 1 to tell the ids, too: a scan gives some twice while the server makes room for more. Of a long id
--   its digest
-- Reply: {cursor, '0' at the end; ids there are, ids met, the sum of their counts; id, count, ...}
local cursor, met, sum = ARGV[1], 0, 0
local reply = { '', 0, 0, 0 }
repeat
  local page = redis.call('ZSCAN', KEYS[1], cursor, 'COUNT', 1000)
  cursor = page[1]
  for i = 1, #page[2], 2 do
    met = met + 1
    sum = sum + tonumber(page[2][i + 1])
    if ARGV[3] == '1' then
      local id = page[2][i]
      reply[#reply + 1] = #id > 64 and 'sha1:' .. redis.sha1hex(id) or id
      reply[#reply + 1] = page[2][i + 1]
    end
  end
until cursor == '0' or met >= tonumber(ARGV[2])
reply[1], reply[2], reply[3], reply[4] = cursor, redis.call('ZCARD', KEYS[1]), met, string.format('%.17g', sum)
return reply
