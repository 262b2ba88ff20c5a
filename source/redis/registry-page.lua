#!lua flags=no-writes
-- Names of an index. What is longer than a name can be is left out and counted: anybody may write there.
-- KEYS[1] index: zset name -> epoch ms when it was last registered
-- ARGV[1] cursor: of a scan, '0' to begin one; '' for the names that were registered last
-- ARGV[2] most: no more than so many names, or little more in a scan; 0 in a scan that only counts what is left out
-- ARGV[3] longest: bytes of a name
-- ARGV[4] budget: bytes; with this many the reply ends
-- ARGV[5] match: of a scan, a pattern of names; all names unless given
-- Reply: {cursor, '0' at the end; how many were left out; how many bytes those have; name, epoch ms, ...}
local most, longest, budget = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local reply, bytes = { '0', 0, 0 }, 0

local function take(name, registered)
  if #name > longest then
    reply[2], reply[3] = reply[2] + 1, reply[3] + #name
  elseif most > 0 then
    reply[#reply + 1], reply[#reply + 2] = name, registered
    bytes = bytes + #name
  end
end

local function isFull()
  return most > 0 and (#reply >= 3 + 2 * most or bytes >= budget)
end

if ARGV[1] ~= '' then
  reply[1] = ARGV[1]
  local pages = 0
  repeat
    local page = redis.call('ZSCAN', KEYS[1], reply[1], 'MATCH', ARGV[5] or '*', 'COUNT', 100)
    reply[1] = page[1]
    for i = 1, #page[2], 2 do take(page[2][i], page[2][i + 1]) end
    pages = pages + 1
    -- Where few names fit, it ends all the same: others wait meanwhile.
  until reply[1] == '0' or isFull() or reply[2] >= math.max(most, 1000) or pages == 100
  return reply
end

-- So many places are looked at; one name at a time where they are long is not worth a thought.
for place = 0, most + 999, 100 do
  local page = redis.call('ZRANGE', KEYS[1], place, place + 99, 'REV', 'WITHSCORES')
  for i = 1, #page, 2 do
    if isFull() then return reply end
    take(page[i], page[i + 1])
  end
  if #page < 200 then return reply end
end
return reply
