#!lua flags=no-writes
-- The recent lines, the newest first, as many as fit into one reply.
-- KEYS[1] recent: list of lines, newest first
-- ARGV[1] skip: how many of the newest to leave out
-- ARGV[2] count: at most so many
-- ARGV[3] longest: bytes; of a longer line only so many are sent
-- ARGV[4] budget: bytes; with this many the reply ends, after one line at least
-- Reply: {line, bytes, ...}: bytes: how long a line is that was cut, else ''
local skip, count, longest, budget = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local reply, spent = {}, 0
for place = skip, skip + count - 1 do
  -- One line at a time: nobody's long line is in memory beside another.
  local line = redis.call('LINDEX', KEYS[1], place)
  if not line then break end
  local bytes = ''
  if #line > longest then
    bytes = #line
    local last = longest
    while last > 0 and last > longest - 4 and string.find(line, '^[\128-\191]', last + 1) do last = last - 1 end
    line = string.sub(line, 1, last)
  end
  spent = spent + #line
  if spent > budget and #reply > 0 then break end
  reply[#reply + 1] = line
  reply[#reply + 1] = bytes
end
return reply
