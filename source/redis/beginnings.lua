#!lua flags=no-writes
-- The beginnings of plain strings, which are all of a counter.
-- KEYS[1] counter: string; KEYS[2] and on likewise
-- Reply: for each its first 21 bytes, empty where there is none, or `!` where it is no string
local reply = {}
for place, key in ipairs(KEYS) do
  local text = redis.pcall('GETRANGE', key, 0, 20)
  if type(text) == 'table' then
    if not string.find(text.err, 'WRONGTYPE') then return text end
    text = '!'
  end
  reply[place] = text
end
return reply
