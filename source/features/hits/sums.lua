#!lua flags=no-writes
-- Adds up windows of hits: whole hours from the hourly hashes, the hours at their ends from the raw ones.
-- KEYS[1] hash: raw or hourly; KEYS[2] and on likewise
-- ARGV[1] windows: how many
-- ARGV[2] parts: window, hourly, hour, raw, first, last of each; hourly and raw are places in KEYS. Without a raw
--   (0) the hours first to last count; else the buckets first to last of that hour
-- Reply: server ms, the place of a key that holds something else (0: none), then for each window its sum, and for
--   each part, in order, 1 where the raw hash has gone and its whole hour was counted instead, else 0

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local hashes = {}
local foreign = 0
local function hash(place)
  if hashes[place] then return hashes[place] end
  local flat = redis.pcall('HGETALL', KEYS[place])
  local counts = { total = 0 }
  if flat.err then
    foreign, flat = place, {}
  end
  for i = 1, #flat, 2 do
    local count = tonumber(flat[i + 1]) or 0
    counts[tonumber(flat[i])] = count
    counts.total = counts.total + count
  end
  hashes[place] = counts
  return counts
end

local sums, coarse = {}, {}
for window = 1, tonumber(ARGV[1]) do sums[window] = 0 end
for at = 2, #ARGV, 6 do
  local window, first, last = tonumber(ARGV[at]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local hourly, raw = hash(tonumber(ARGV[at + 1])), tonumber(ARGV[at + 3])
  local sum, isCoarse = 0, 0
  if raw == 0 then
    for hour = first, last do sum = sum + (hourly[hour] or 0) end
  else
    local whole, counts = hourly[tonumber(ARGV[at + 2])] or 0, hash(raw)
    -- Both are written together: where they differ, the raw hash has expired.
    if counts.total ~= whole then
      sum, isCoarse = whole, 1
    else
      for bucket = first, last do sum = sum + (counts[bucket] or 0) end
    end
  end
  sums[window] = sums[window] + sum
  coarse[#coarse + 1] = isCoarse
end

local reply = { now, foreign }
for _, sum in ipairs(sums) do reply[#reply + 1] = sum end
for _, flag in ipairs(coarse) do reply[#reply + 1] = flag end
return reply
