#!lua flags=no-writes
-- Adds up hits by steps of time, for plots.
-- KEYS[1] hash: raw or hourly; KEYS[2] and on likewise
-- ARGV[1] rows: how many series
-- ARGV[2] points: how many of each
-- ARGV[3] first: number of the first bucket or hour
-- ARGV[4] step: buckets or hours in a point
-- ARGV[5] places: row and number of field 0, for each of KEYS
-- Reply: server ms, the place of a key that holds something else (0: none), then the points, row after row
-- @include ./read-hash.lua

local clock = redis.call('TIME')
local reply = { clock[1] * 1000 + math.floor(clock[2] / 1000), 0 }
local points, first, step = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
for i = 1, ARGV[1] * points do reply[2 + i] = 0 end
for place, key in ipairs(KEYS) do
  local flat, refusal = readHash(key)
  if refusal then return refusal end
  if not flat then
    reply[2], flat = place, {}
  end
  local before = 2 + (ARGV[3 + 2 * place] - 1) * points
  local origin = ARGV[4 + 2 * place] - first
  for i = 1, #flat, 2 do
    -- What others wrote among ours counts for nothing.
    local field = tonumber(flat[i])
    local point = field and math.floor((origin + field) / step) + 1 or 0
    if point >= 1 and point <= points then
      local count = tonumber(flat[i + 1]) or 0
      if count <= EXACT and count >= -EXACT then
        reply[before + point] = reply[before + point] + count
      else
        reply[2] = place
      end
    end
  end
end
return reply
