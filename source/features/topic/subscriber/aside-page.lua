#!lua flags=no-writes
-- Messages that are set aside, some at a time. Of a long one only its beginning and its end.
-- KEYS[1] aside: hash, id -> JSON, of one subscriber
-- ARGV[1] cursor: of a scan, '0' to begin one; not looked at where ids are given
-- ARGV[2] longest: bytes; a longer text is cut
-- ARGV[3] budget: bytes; with this many the reply ends, after one message at least
-- ARGV[4..] ids: only these
-- Reply: {cursor, '0' at the end, or where ids are given how many were looked at; id, bytes, text, end of it, ...}. The bytes
-- Reply: are '' where the text is whole; so is its end then
local longest, budget = tonumber(ARGV[2]), tonumber(ARGV[3])
local reply, spent = { ARGV[1] }, 0

local function tell(id, text)
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = id, '', text, ''
  if #text > longest then
    reply[n + 2], reply[n + 3], reply[n + 4] = #text, string.sub(text, 1, 1024), string.sub(text, -8192)
  end
  spent = spent + #id + #reply[n + 3] + #reply[n + 4]
end

if #ARGV > 3 then
  for i = 4, #ARGV do
    reply[1] = i - 3
    local text = redis.call('HGET', KEYS[1], ARGV[i])
    if text then tell(ARGV[i], text) end
    if spent >= budget then break end
  end
  return reply
end
repeat
  local page = redis.call('HSCAN', KEYS[1], reply[1], 'COUNT', 4)
  reply[1] = page[1]
  for i = 1, #page[2], 2 do tell(string.sub(page[2][i], 1, 32), page[2][i + 1]) end
until reply[1] == '0' or spent >= budget
return reply
