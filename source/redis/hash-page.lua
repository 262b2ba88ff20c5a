#!lua flags=no-writes
-- Fields of hashes, a page of a scan at a time; what is too long to be what is looked for is left out and counted.
-- KEYS[1] hash
-- KEYS[2..] more: other hashes
-- ARGV[1] most: about so many fields of each
-- ARGV[2] longest: bytes of a field and its value together
-- ARGV[3] budget: bytes; with this many the page ends, and the hashes after it are not looked at
-- ARGV[4..] cursors: of each hash, '0' to begin
-- ARGV[4 + #KEYS] match: of one hash, a pattern of its fields; all unless given
-- ARGV[5 + #KEYS] holding: and a text that their values hold
-- Reply: of each hash that was looked at {cursor, '0' at the end; how many were left out; how many bytes those have; field,
-- Reply: value, ...}; where several are wanted, the text of its error instead
local most, longest, budget = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local match, holding = ARGV[4 + #KEYS] or '*', ARGV[5 + #KEYS] or ''
local bytes = 0

local function read(key, cursor)
  local reply, met, count, pages = { cursor, 0, 0 }, 0, 1, 0
  repeat
    local page = redis.call('HSCAN', key, reply[1], 'MATCH', match, 'COUNT', count)
    local before = bytes
    reply[1] = page[1]
    for i = 1, #page[2], 2 do
      local size = #page[2][i] + #page[2][i + 1]
      met = met + 1
      if holding ~= '' and not string.find(page[2][i + 1], holding, 1, true) then
        -- Somebody else's.
      elseif size > longest then
        reply[2], reply[3] = reply[2] + 1, reply[3] + size
      else
        bytes = bytes + size
        reply[#reply + 1], reply[#reply + 2] = page[2][i], page[2][i + 1]
      end
    end
    -- Large ones come one at a time, so that the last of them is little more than the budget.
    count = bytes - before < 2048 and 4 or 1
    pages = pages + 1
  until reply[1] == '0' or met >= most or bytes >= budget or pages >= most
  return reply
end

if #KEYS == 1 then return { read(KEYS[1], ARGV[4]) } end
local replies = {}
for i, key in ipairs(KEYS) do
  if i > 1 and bytes >= budget then break end
  local isRead, reply = pcall(read, key, ARGV[3 + i])
  if not isRead then reply = type(reply) == 'table' and reply.err or tostring(reply) end
  replies[i] = reply
end
return replies
