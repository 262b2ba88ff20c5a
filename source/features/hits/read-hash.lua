-- Beyond this sums would be rounded.
local EXACT = 9007199254740992
-- A raw hash has at most 360 fields, an hourly one 24: of one that others filled only these are read.
local MOST_FIELDS = 360

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
