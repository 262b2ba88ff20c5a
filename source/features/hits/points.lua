#!lua flags=no-writes
-- Adds up hits by steps of time, for plots.
-- KEYS[1] hash: raw or hourly; KEYS[2] and on likewise
-- ARGV[1] rows: how many series
-- ARGV[2] points: how many of each
-- ARGV[3] first: number of the first bucket or hour
-- ARGV[4] step: buckets or hours in a point
-- ARGV[5] places: row and number of field 0, for each of KEYS
-- Reply: server ms, how many keys hold something else, their places, then the points, row after row
-- @include ./read-hash.lua

local clock = redis.call('TIME')
local counts, foreign, isForeign = {}, {}, {}
local points, first, step = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
for i = 1, ARGV[1] * points do counts[i] = 0 end
local function note(place)
  if not isForeign[place] then foreign[#foreign + 1] = place end
  isForeign[place] = true
end
for place, key in ipairs(KEYS) do
  local flat, refusal = readHash(key)
  if refusal then return refusal end
  if not flat then
    note(place)
    flat = {}
  end
  local before = (ARGV[3 + 2 * place] - 1) * points
  local origin = ARGV[4 + 2 * place] - first
  for i = 1, #flat, 2 do
    -- A field that others wrote among ours counts for nothing.
    local field = isField(flat[i]) and tonumber(flat[i])
    local point = field and math.floor((origin + field) / step) + 1 or 0
    if point >= 1 and point <= points then
      local sum = counts[before + point] + (countOf(flat[i + 1]) or EXACT + 1)
      if sum <= EXACT and sum >= -EXACT then
        counts[before + point] = sum
      else
        note(place)
      end
    end
  end
end
local reply = { clock[1] * 1000 + math.floor(clock[2] / 1000), #foreign, unpack(foreign) }
for _, count in ipairs(counts) do reply[#reply + 1] = count end
return reply
