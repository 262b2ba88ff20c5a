#!lua flags=no-writes
-- Adds up windows of hits: whole hours from the hourly hashes, the hours at their ends from the raw ones.
-- KEYS[1] hash: raw or hourly; KEYS[2] and on likewise
-- ARGV[1] windows: how many
-- ARGV[2] parts: window, hourly, hour, raw, first, last of each; hourly and raw are places in KEYS. Without a raw
--   (0) the hours first to last count; else the buckets first to last of that hour
-- Reply: server ms, how many keys hold something else, their places, then for each window its sum, and for each
--   part, in order, 1 where the raw hash has gone and its whole hour was counted instead, else 0
-- @include ./read-hash.lua

local tonumber = tonumber
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local foreign, isForeign, refusal = {}, {}, nil
local hours = {}

local function note(place)
  if not isForeign[place] then foreign[#foreign + 1] = place end
  isForeign[place] = true
end

local function read(place)
  local flat, refused = readHash(KEYS[place])
  if flat then return flat end
  if refused then refusal = refused else note(place) end
  return {}
end

-- Fields first to last of a hash, and all of them. A raw hash holds up to 360, and arithmetic reads texts as numbers in
-- less than half the time of tonumber; it raises where a text is none.
local function add_numbers(flat, first, last)
  local sum, total = 0, 0
  for i = 1, #flat, 2 do
    local field, count = flat[i] + 0, flat[i + 1] + 0
    if count % 1 ~= 0 then error('no whole number') end
    total = total + count
    if field >= first and field <= last then sum = sum + count end
  end
  return sum, total
end

local function add(place, flat, first, last)
  local ok, sum, total = pcall(add_numbers, flat, first, last)
  if ok and total <= EXACT and total >= -EXACT then return sum, total end
  -- A field that others wrote among ours counts for nothing; one of ours with a number that is not exact is reported.
  local numbers = {}
  for i = 1, #flat, 2 do
    if isField(flat[i]) then
      if countOf(flat[i + 1]) then
        numbers[#numbers + 1] = flat[i]
        numbers[#numbers + 1] = flat[i + 1]
      else
        note(place)
      end
    end
  end
  sum, total = add_numbers(numbers, first, last)
  if total <= EXACT and total >= -EXACT then return sum, total end
  note(place)
  return 0, 0
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
  local all = sums[window] + sum
  if all <= EXACT and all >= -EXACT then sums[window] = all else note(raw == 0 and hourly or raw) end
  coarse[#coarse + 1] = isCoarse
end

if refusal then return refusal end
local reply = { now, #foreign, unpack(foreign) }
for _, sum in ipairs(sums) do reply[#reply + 1] = sum end
for _, flag in ipairs(coarse) do reply[#reply + 1] = flag end
return reply
