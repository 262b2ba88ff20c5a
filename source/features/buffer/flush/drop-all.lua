#!lua flags=allow-oom
-- Forgets counts that are set aside, whatever their ids, a part at a time. Sent twice, the second time finds none. Long
-- ids are cut in the reply.
-- KEYS[1] aside: zset id -> count that SQL refuses
-- KEYS[2] why: hash id aside -> JSON
-- KEYS[3] due: zset id aside -> epoch ms from which on it is tried again
-- ARGV[1] cursor: '0' to begin
-- ARGV[2] above: only ids of more bytes than this
-- ARGV[3] longest: bytes of an id in the reply
-- ARGV[4] budget: bytes; with this many the part ends
-- Reply: {cursor, '0' at the end; id, how long it is if it was cut or '', count, ...}
-- @include ../../../redis/cut-text.lua
local above, longest, budget = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local reply, bytes = { ARGV[1] }, 0
repeat
  local page = redis.call('ZSCAN', KEYS[1], reply[1], 'COUNT', 10)
  reply[1] = page[1]
  for i = 1, #page[2], 2 do
    local member = page[2][i]
    -- A scan may name one twice.
    if #member > above and redis.call('ZREM', KEYS[1], member) == 1 then
      redis.pcall('ZREM', KEYS[3], member)
      redis.pcall('HDEL', KEYS[2], member)
      local n, id, length = #reply, cutText(member, longest)
      reply[n + 1], reply[n + 2], reply[n + 3] = id, length, page[2][i + 1]
      bytes = bytes + #id + 50
    end
  end
until reply[1] == '0' or bytes >= budget
return reply
