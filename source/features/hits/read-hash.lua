-- Beyond this sums would be rounded.
local EXACT = 9007199254740991
-- A raw hash has at most 360 fields, an hourly one 24: of one that others filled only these are read.
local MOST_FIELDS = 360

-- Whether a field is one of ours, the number of a bucket or an hour.
local function isField(text)
  local field = tonumber(text)
  return field and field >= 0 and field < MOST_FIELDS
end

-- What a field counts: nil where that is no whole number, or none that is exact.
local function countOf(text)
  local count = string.find(text, '^%-?%d+$') and tonumber(text)
  return count and count <= EXACT and count >= -EXACT and count or nil
end

-- The fields and values of a hash, flat; nil where the key holds something else, or nil and what the server refused.
local function readHash(key)
  local size = redis.pcall('HLEN', key)
  if type(size) == 'table' then
    if string.find(size.err, 'WRONGTYPE') then return nil end
    return nil, size
  end
  if size <= MOST_FIELDS then return redis.call('HGETALL', key) end
  local flat = {}
  for field = 0, MOST_FIELDS - 1 do
    local count = redis.call('HGET', key, field)
    if count then
      flat[#flat + 1] = field
      flat[#flat + 1] = count
    end
  end
  return flat
end
