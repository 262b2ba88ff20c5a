#!lua flags=no-writes
-- Fields of a hash, a page of a scan at a time; what is too long to be what is looked for is left out and counted.
-- KEYS[1] hash
-- ARGV[1] cursor: '0' to begin
-- ARGV[2] most: about so many fields
-- ARGV[3] longest: bytes of a field and its value together
-- ARGV[4] budget: bytes; with this many the page ends
-- Reply: {cursor, '0' at the end; how many were left out; how many bytes those have; field, value, ...}
local most, longest, budget = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local reply, met, bytes = { ARGV[1], 0, 0 }, 0, 0
repeat
  local page = redis.call('HSCAN', KEYS[1], reply[1], 'COUNT', 4)
  reply[1] = page[1]
  for i = 1, #page[2], 2 do
    local size = #page[2][i] + #page[2][i + 1]
    met = met + 1
    if size > longest then
      reply[2], reply[3] = reply[2] + 1, reply[3] + size
    else
      bytes = bytes + size
      reply[#reply + 1], reply[#reply + 2] = page[2][i], page[2][i + 1]
    end
  end
until reply[1] == '0' or met >= most or bytes >= budget
return reply
