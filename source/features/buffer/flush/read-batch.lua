#!lua flags=no-writes
-- A page of a batch in flight. Of an id that is too long to be read only its place and its beginning are given.
-- KEYS[1] inflight: zset id -> count
-- KEYS[2] batch: hash of the batch in flight
-- ARGV[1] from: place in the batch
-- ARGV[2] most: so many ids at most
-- ARGV[3] longest: bytes of an id
-- ARGV[4] budget: bytes; with this many the page ends
-- ARGV[5] id: of the batch
-- Reply: {place behind the page, '' at the end; {place, bytes, count, beginning, ...} of ids that are too long; id, count,
-- Reply: ...}; or {'gone'}: another batch is in flight by now, or none
-- @include ../../../redis/cut-text.lua
if redis.call('HSTRLEN', KEYS[2], 'id') ~= #ARGV[5] or redis.call('HGET', KEYS[2], 'id') ~= ARGV[5] then return { 'gone' } end
local from, most, longest, budget = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local long, reply, bytes, place = {}, { '', {} }, 0, from
reply[2] = long
repeat
  -- A few at a time, as each may be long.
  local page = redis.call('ZRANGE', KEYS[1], place, place + 15, 'WITHSCORES')
  for i = 1, #page, 2 do
    local id, count = page[i], page[i + 1]
    if #id > longest then
      local n = #long
      long[n + 1], long[n + 2], long[n + 3], long[n + 4] = place, #id, count, (cutText(id, 64))
    else
      reply[#reply + 1], reply[#reply + 2] = id, count
    end
    bytes = bytes + math.min(#id, longest) + 16
    place = place + 1
  end
  if #page < 32 then return reply end
until bytes >= budget or place - from >= most
reply[1] = place
return reply
