-- Moves counts that SQL refuses into `aside`, and takes new counts of such ids there.

-- What sorted sets count exactly.
local function isExact(count)
  return math.abs(count) <= 9007199254740991 and count % 1 == 0
end

-- Adds to the count of an id aside. False: the sum would not be exact, so that it has to wait elsewhere.
local function addAside(aside, id, count)
  local known = redis.call('ZSCORE', aside, id)
  if known and not isExact(tonumber(known) + tonumber(count)) then return false end
  redis.call('ZINCRBY', aside, count, id)
  return true
end
