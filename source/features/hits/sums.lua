#!lua flags=no-writes
-- Adds up windows of hits: whole hours from the hourly hashes, the hours at their ends from the raw ones.
-- KEYS[1] hash: raw or hourly; KEYS[2] and on likewise
-- ARGV[1] windows: how many
-- ARGV[2] parts: window, hourly, hour, raw, first, last of each; hourly and raw are places in KEYS. Without a raw
--   (0) the hours first to last count; else the buckets first to last of that hour
-- Reply: server ms, the place of a key that holds something else (0: none), then for each window its sum, and for
--   each part, in order, 1 where the raw hash has gone and its whole hour was counted instead, else 0
-- @include ./read-hash.lua

local tonumber = tonumber
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local foreign, refusal = 0, nil
local hours = {}

local function read(place)
  local flat, refused = readHash(KEYS[place])
  if flat then return flat end
  if refused then refusal = refused else foreign = place end
  return {}
end

-- Fields first to last of a hash, and all of them. A raw hash holds up to 360, and arithmetic reads texts as numbers in
-- less than half the time of tonumber; it raises where a text is none.
local function add_numbers(flat, first, last)
  local sum, total = 0, 0
  for i = 1, #flat, 2 do
    local field, count = flat[i] + 0, flat[i + 1] + 0
    total = total + count
    if field >= first and field <= last then sum = sum + count end
  end
  return sum, total
end

local function add(place, flat, first, last)
  local ok, sum, total = pcall(add_numbers, flat, first, last)
  if ok and total <= EXACT and total >= -EXACT then return sum, total end
  -- What others wrote among ours counts for nothing; a number too large to be exact is no counter of ours.
  local numbers = {}
  for i = 1, #flat, 2 do
    local count = tonumber(flat[i + 1])
    if count and not (count <= EXACT and count >= -EXACT) then foreign = place
    elseif count and tonumber(flat[i]) then
      numbers[#numbers + 1] = flat[i]
      numbers[#numbers + 1] = flat[i + 1]
    end
  end
  return add_numbers(numbers, first, last)
end

local sums, coarse = {}, {}
for window = 1, tonumber(ARGV[1]) do sums[window] = 0 end
for at = 2, #ARGV, 6 do
  local window, first, last = tonumber(ARGV[at]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local hourly, raw = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 3])
  hours[hourly] = hours[hourly] or read(hourly)
  local sum, isCoarse = 0, 0
  if raw == 0 then
    sum = add(hourly, hours[hourly], first, last)
  else
    local hour = tonumber(ARGV[at + 2])
    local whole = add(hourly, hours[hourly], hour, hour)
    local some, total = add(raw, read(raw), first, last)
    sum = some
    -- Both are written together: where they differ, the raw hash has expired.
    if total ~= whole then sum, isCoarse = whole, 1 end
  end
  sums[window] = sums[window] + sum
  coarse[#coarse + 1] = isCoarse
end

if refusal then return refusal end
local reply = { now, foreign }
for _, sum in ipairs(sums) do reply[#reply + 1] = sum end
for _, flag in ipairs(coarse) do reply[#reply + 1] = flag end
return reply
