-- The fences of one lock, in the string `counter`, which is forgotten a week after its last use.

local function lastFence(counter)
  local text = redis.call('GETRANGE', counter, 0, 31)
  if text == '' then return nil end
  local last = tonumber(string.match(text, '^%d+$'))
  -- Beyond this a double, which Lua and JavaScript count in, no longer tells two whole numbers apart.
  if not last or last > 9007199254740990 then error({ err = 'ERR value is not an integer or out of range' }) end
  return last
end

-- The next one: one more than the last, or the server's time in microseconds where that is higher. So each is at most
-- the time at which it was given, and the one that comes after it is higher even if the counter was lost meanwhile.
local function nextFence(counter)
  local time = redis.call('TIME')
  local fence = math.max((lastFence(counter) or 0) + 1, time[1] * 1000000 + time[2])
  redis.call('SET', counter, string.format('%.0f', fence), 'PX', 604800000)
  return fence
end

-- That of the holder; if it was lost a higher one, for nobody else had one since.
local function heldFence(counter)
  return lastFence(counter) or nextFence(counter)
end
