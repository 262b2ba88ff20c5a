#!lua
-- Spends from rate limits, or only looks at them, by the server's clock. An act is one limit or several: either
-- every one of them has room for its cost and all are spent from, or nothing is.
-- KEYS[1] state: of the first limit of the first act; KEYS[2] and on: the other limits, act after act
-- ARGV[1] mode: spend or look
-- ARGV[2] width: how many limits one act has
-- ARGV[3] limits: algorithm, max, perMs, window of each limit of an act (window: only for seed, the one its key names)
-- ARGV[4] costs: one for each of KEYS, behind the limits; none where each is 1
-- Reply: for each of KEYS: remaining, retryAfterMs, resetMs. retryAfterMs is 0 where the cost fits, -1 where it
--   never will, -2 where the key holds something else, -3 where the window is another by now (resetMs: server ms)

local NEVER, FOREIGN, MOVED = -1, -2, -3
local SLICES = 60
local call, floor, ceil = redis.call, math.floor, math.ceil
local clock = call('TIME')
local now = clock[1] * 1000000 + clock[2]

-- A refusal writes nothing, but for mending what a clock set back, or a lost EXPIRE, would make last for ever.
local mends = ARGV[1] == 'spend'
local width = tonumber(ARGV[2])
local limits, needs = {}, {}
for i = 1, width do
  local at = 4 * i - 1
  local algorithm = ARGV[at] == 'seed' and 'fixed' or ARGV[at]
  needs[algorithm] = true
  limits[i] = {
    algorithm = algorithm,
    max = tonumber(ARGV[at + 1]),
    per = ARGV[at + 2] * 1000,
    window = tonumber(ARGV[at + 3]),
  }
end

-- Each way to count takes limit, key, cost and whether to spend. It answers what is left, in how many microseconds
-- the cost will fit (0: it does, and was spent; nil: the key is not ours), in how many nothing is spent any more, and,
-- where an act has several limits, how to take back what was spent. What an ACL denies it raises with nothing spent.
-- Only those this call needs are made: making a function costs as much as a command.
local ways = {}
local isMixed = width > 1

if needs.fixed then
  function ways.fixed(limit, key, cost, spends)
    local left = limit.per - now % limit.per
    -- A key expires once the clock is past its deadline: the window's last millisecond, not the next one's first.
    local deadline = (now + left) / 1000 - 1
    local used
    if spends then
      -- Nobody sees the sum before a cost that did not fit is taken back.
      used = redis.pcall('INCRBY', key, cost)
      if type(used) == 'table' then
        if string.find(used.err, 'WRONGTYPE') or string.find(used.err, 'not an integer') then return end
        error(used)
      end
      if used == cost then
        local set = redis.pcall('PEXPIREAT', key, deadline)
        if type(set) == 'table' then
          if redis.pcall('DEL', key) ~= 1 then call('INCRBY', key, -cost) end
          error(set)
        end
      end
      if used <= limit.max then
        return limit.max - used, 0, left, isMixed and function() call('INCRBY', key, -cost) end
      end
      call('INCRBY', key, -cost)
      used = used - cost
    else
      local text = redis.pcall('GETRANGE', key, 0, 20)
      if type(text) == 'table' then
        if string.find(text.err, 'WRONGTYPE') then return end
        error(text)
      end
      if text == '' then text = '0' elseif not string.find(text, '^%-?%d+$') then return end
      used = tonumber(text)
      if used + cost <= limit.max then return limit.max - used, 0, used > 0 and left or 0 end
    end
    if mends then redis.pcall('PEXPIREAT', key, deadline, 'LT') end
    return limit.max - used, left, left
  end
end

-- Counts by slices of the window. A slice leaves the sum only when all of it is older than the window, so no
-- window, wherever it begins, ever holds more than the limit.
if needs.sliding then
  function ways.sliding(limit, key, cost, spends)
    local size = ceil(limit.per / SLICES)
    local span = ceil(limit.per / size)
    local slice = floor(now / size)
    local state = redis.pcall('HMGET', key, 'slice', 'used', slice)
    if state.err then
      if string.find(state.err, 'WRONGTYPE') then return end
      error(state)
    end
    local newest, used, here = tonumber(state[1]), tonumber(state[2]) or 0, tonumber(state[3]) or 0
    if not newest then
      if call('EXISTS', key) == 1 then return end
      newest = slice
    elseif newest > slice then
      -- The clock was set back: as if all of it had been spent just now.
      newest, here = slice, used
      if mends then
        -- What may be denied comes first: without it the old slices are no harm.
        call('HSET', key, 'slice', slice, 'used', used, slice, used)
        redis.pcall('PEXPIREAT', key, ceil((slice + span + 1) * size / 1000))
        for _, old in ipairs(call('HKEYS', key)) do
          if tonumber(old) and tonumber(old) ~= slice then redis.pcall('HDEL', key, old) end
        end
      end
    end
    local gone = {}
    if slice - newest > span then
      used = 0
      if spends then call('DEL', key) end
    else
      for old = newest - span, slice - span - 1 do
        local count = tonumber(call('HGET', key, old))
        if count then
          used = used - count
          gone[#gone + 1] = old
        end
      end
    end
    local missing = used + cost - limit.max
    if missing > 0 then
      local wait = 0
      for old = slice - span, slice do
        missing = missing - (tonumber(call('HGET', key, old)) or 0)
        wait = (old + span + 1) * size - now
        if missing <= 0 then break end
      end
      return limit.max - used, wait, (newest + span + 1) * size - now
    end
    if not spends then return limit.max - used, 0, used > 0 and (newest + span + 1) * size - now or 0 end
    if #gone > 0 then call('HDEL', key, unpack(gone)) end
    local leaves = (slice + span + 1) * size
    local isThere = here > 0 or call('PEXPIREAT', key, ceil(leaves / 1000)) == 1
    call('HSET', key, 'slice', slice, 'used', used + cost, slice, here + cost)
    if not isThere then call('PEXPIREAT', key, ceil(leaves / 1000)) end
    return limit.max - used - cost, 0, leaves - now, isMixed and function()
      call('HSET', key, 'slice', slice, 'used', used, slice, here)
    end
  end
end

-- GCRA as the leaky bucket it is equivalent to: a hit of cost 1 pours `per`, `max` drain each microsecond, and
-- `max * per` fit in. In these units every quantity is a whole number, so nothing is rounded in anyone's favour.
if needs.gcra then
  local function pour(limit, key, level)
    local reset = level / limit.max
    call('SET', key, string.format('%.0f %.0f', now, level), 'PXAT', ceil((now + reset) / 1000))
    return reset
  end

  function ways.gcra(limit, key, cost, spends)
    local level = 0
    local text = redis.pcall('GETRANGE', key, 0, 63)
    if type(text) == 'table' then
      if string.find(text.err, 'WRONGTYPE') then return end
      error(text)
    end
    if text ~= '' then
      local at, poured = string.match(text, '^(%d+) (%d+)$')
      if not at then return end
      level = math.max(0, poured - math.max(0, now - at) * limit.max)
      if mends and tonumber(at) > now then pour(limit, key, level) end
    end
    local room = limit.max * limit.per - level
    local after = room - cost * limit.per
    if after < 0 then return floor(room / limit.per), -after / limit.max, level / limit.max end
    if not spends then return floor(room / limit.per), 0, level / limit.max end
    local reset = pour(limit, key, level + cost * limit.per)
    return floor(after / limit.per), 0, reset, isMixed and function() pour(limit, key, level) end
  end
end

local reply = {}
local costs = 2 + 4 * width

local function judge(limit, position, spends)
  local left, wait, reset, undo = 0, MOVED, now - now % 1000, nil
  if not limit.window or floor(now / limit.per) == limit.window then
    local cost = tonumber(ARGV[costs + position] or 1)
    left, wait, reset, undo = ways[limit.algorithm](limit, KEYS[position], cost, spends and cost <= limit.max)
    if not left then left, wait, reset = 0, FOREIGN, 0
    elseif cost > limit.max then wait = NEVER
    elseif wait > 0 then wait = ceil(wait / 1000) end
  end
  local at = 3 * position
  reply[at - 2], reply[at - 1], reply[at] = left > 0 and left or 0, wait, ceil(reset / 1000)
  return wait == 0, undo
end

for first = 0, #KEYS - 1, width do
  local fits = mends
  if width > 1 then
    for i = 1, width do
      fits = judge(limits[i], first + i, false) and fits
    end
  end
  if width == 1 then
    judge(limits[1], first + 1, mends)
  elseif fits then
    local undos = {}
    for i = 1, width do
      local isDone, refusal, undo = pcall(judge, limits[i], first + i, mends)
      if not isDone then
        for _, take_back in ipairs(undos) do pcall(take_back) end
        error(refusal)
      end
      if undo then undos[#undos + 1] = undo end
    end
  end
end
return reply
