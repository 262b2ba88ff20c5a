#!lua
-- Rotates when the hour is over, then counts a batch of messages and keeps the most recent ones.
-- KEYS[1] common: zset message or template -> count, of this hour
-- KEYS[2] start: the UTC hour of `common`, `YYYY-MM-DDTHH:00:00`
-- KEYS[3] last: `common` of the hour in pstart
-- KEYS[4] pstart: the hour of `last`, which need not be the one before `start`
-- KEYS[5] recent: list of lines, newest first
-- KEYS[6] samples: hash template -> a line it stands for, of both hours
-- KEYS[7] patterns: list of the learned patterns, oldest first
-- KEYS[8] guard: string, the number of the writer's last batch; a writer has one in flight at a time
-- ARGV[1] number of this batch
-- ARGV[2] guard life: milliseconds
-- ARGV[3] clock: epoch seconds; empty: the server's
-- ARGV[4] most distinct messages
-- ARGV[5] most recent lines
-- ARGV[6] own life: seconds that samples and patterns outlive the last write
-- ARGV[7] known: how many patterns the writer has heard of; -1 counts exact texts
-- ARGV[8] last known: the last of them, or empty
-- ARGV[9] learned: how many patterns the writer adds
-- ARGV[10] lines: how many recent lines follow
-- ARGV[11] the learned patterns, then the lines, oldest first, then for each message: template, count, sample or empty
-- Reply: {'written', hour, distinct, how many of the learned patterns are on the list now}; or {'stale', from, pattern,
-- Reply: ...}: nothing was written; take these over from there on, a page of them, and send again
-- All or nothing: what may be denied by an ACL comes first and is taken back; what comes behind it is derived.
local common, last, samples, patterns, guard = KEYS[1], KEYS[3], KEYS[6], KEYS[7], KEYS[8]
local cap, life = tonumber(ARGV[4]), tonumber(ARGV[6])
local first_line = 11 + ARGV[9]
local first_message = first_line + ARGV[10]
-- Of what others put into our lists: longer than any pattern of ours, more than there can be, a reply's worth.
local LONGEST, MOST_PATTERNS, PAGE = 8192, 4000, 200

local now = tonumber(ARGV[3]) or tonumber(redis.call('TIME')[1])
local days = math.floor(now / 86400)
-- Days to a civil date, after Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
local shifted = days + 719468
local era = math.floor(shifted / 146097)
local of_era = shifted - era * 146097
local year_of_era = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524)
  - math.floor(of_era / 146096)) / 365)
local of_year = of_era - (365 * year_of_era + math.floor(year_of_era / 4) - math.floor(year_of_era / 100))
local march_month = math.floor((5 * of_year + 2) / 153)
local day = of_year - math.floor((153 * march_month + 2) / 5) + 1
local month = march_month < 10 and march_month + 3 or march_month - 9
local hour = string.format('%04d-%02d-%02dT%02d:00:00', year_of_era + era * 400 + (month <= 2 and 1 or 0), month, day,
  math.floor(now % 86400 / 3600))

-- Reads first: a key of another type fails here, before anything was written.
local start = redis.call('GET', KEYS[2])
local distinct = redis.call('ZCARD', common)
local known = redis.call('LLEN', patterns)
redis.call('GET', KEYS[4])
redis.call('HLEN', samples)
redis.call('ZCARD', last)
redis.call('LLEN', KEYS[5])
local before = redis.call('GET', guard)
if before == ARGV[1] then return { 'written', start or hour, distinct, 0 } end

local function pattern_at(place)
  local pattern = redis.call('LINDEX', patterns, place)
  return pattern and (#pattern > LONGEST and '' or pattern)
end
if known > MOST_PATTERNS then
  redis.pcall('DEL', patterns)
  known = redis.call('LLEN', patterns)
end
if ARGV[7] ~= '-1' then
  local from = tonumber(ARGV[7])
  if known ~= from or known > 0 and pattern_at(-1) ~= ARGV[8] then
    if from > known or from > 0 and pattern_at(from - 1) ~= ARGV[8] then from = 0 end
    local reply = { 'stale', from }
    for place = from, math.min(known, from + PAGE) - 1 do reply[#reply + 1] = pattern_at(place) end
    return reply
  end
end

redis.call('SET', guard, ARGV[1], 'PX', ARGV[2])
-- Nothing was written but the guard: without it the batch may come again.
local function refuse(refusal)
  if before then redis.call('SET', guard, before, 'PX', ARGV[2]) else redis.call('SET', guard, '', 'PX', 1) end
  return refusal
end
local is_due = start and start < hour
local is_new = is_due or not start
if is_due then
  -- Whether a command may be run at all, tried on the guard, which is of no type that any of them wants.
  local function denial(command, ...)
    local reply = redis.pcall(command, guard, ...)
    return type(reply) == 'table' and reply.err and not string.find(reply.err, 'WRONGTYPE') and reply or nil
  end
  local denied = denial('ZINCRBY', 0, '') or denial('LPUSH', '') or denial('RENAME', guard)
    or denial('ZREMRANGEBYRANK', 0, 0)
  if denied then return refuse(denied) end
  if distinct > 0 then redis.call('RENAME', common, last) else redis.call('ZREMRANGEBYRANK', last, 0, -1) end
  redis.call('RENAME', KEYS[2], KEYS[4])
  distinct = 0
end
if is_new then
  redis.call('SET', KEYS[2], hour)
  start = hour
end

-- Space-Saving (Metwally, Agrawal and El Abbadi, ICDT 2005): a newcomer takes the place and the count of the lightest,
-- so the sum stays what was written, and no count is off by more than the lightest one.
local function make_room(message)
  if distinct < cap then
    distinct = distinct + 1
    return
  end
  local lightest = redis.pcall('ZRANGE', common, 0, 1, 'WITHSCORES')
  local at = lightest[1] == message and 3 or 1
  if not lightest[at] or redis.pcall('ZREM', common, lightest[at]) ~= 1 then
    distinct = distinct + 1
    return
  end
  redis.call('ZINCRBY', common, lightest[at + 1], message)
  if redis.pcall('ZSCORE', last, lightest[at]) == false then redis.pcall('HDEL', samples, lightest[at]) end
end

local is_counted = false
if first_message <= #ARGV then
  local reply = redis.pcall('ZINCRBY', common, ARGV[first_message + 1], ARGV[first_message])
  if type(reply) == 'table' then return refuse(reply) end
  is_counted = reply == ARGV[first_message + 1]
end
if first_line < first_message then
  local reply = redis.pcall('LPUSH', KEYS[5], unpack(ARGV, first_line, first_message - 1))
  if type(reply) == 'table' then
    if first_message <= #ARGV then
      local rest = redis.call('ZINCRBY', common, -ARGV[first_message + 1], ARGV[first_message])
      if tonumber(rest) <= 0 then redis.pcall('ZREM', common, ARGV[first_message]) end
    end
    return refuse(reply)
  end
  redis.pcall('LTRIM', KEYS[5], 0, ARGV[5] - 1)
end
if is_counted then make_room(ARGV[first_message]) end
for place = first_message + 3, #ARGV, 3 do
  if redis.call('ZINCRBY', common, ARGV[place + 1], ARGV[place]) == ARGV[place + 1] then make_room(ARGV[place]) end
end

-- From here on everything is derived: that some of it is refused does not undo what was counted. Reads come before
-- writes, so that nothing is half moved.
local learned = 0
pcall(function()
  local is_extended = false
  local function keep_sample(template, line)
    if redis.pcall('HSETNX', samples, template, line) ~= 1 or is_extended then return end
    is_extended = true
    redis.pcall('EXPIRE', samples, life)
  end
  if is_due then
    local templates = redis.pcall('HKEYS', samples)
    for _, template in ipairs(templates.err and {} or templates) do
      if not redis.call('ZSCORE', last, template) and not redis.call('ZSCORE', common, template) then
        redis.pcall('HDEL', samples, template)
      end
    end
  end
  if is_new then
    redis.pcall('EXPIRE', samples, life)
    redis.pcall('EXPIRE', patterns, life)
  end
  if first_line > 11 then
    -- Whether a pattern's literal parts stand in a text with no space or digit between them; `miner.ts` does the same.
    local function covers(parts, text)
      local at = 1
      for i, part in ipairs(parts) do
        local found = 1
        if i == #parts then found = #text - #part + 1 elseif i > 1 then found = string.find(text, part, at, true) end
        if not found or found < at or string.sub(text, found, found + #part - 1) ~= part
          or string.find(string.sub(text, at, found - 1), '[%s%d]') then
          return false
        end
        at = found + #part
      end
      return true
    end

    -- What a new pattern covers is counted under it from now on, in both hours.
    local function move_covered(pattern, parts, counts)
      local covered = {}
      local most = math.min(redis.call('ZCARD', counts), cap)
      for from = 0, most - 1, 100 do
        local page = redis.call('ZRANGE', counts, from, from + 99, 'REV', 'WITHSCORES')
        for i = 1, #page, 2 do
          if page[i] ~= pattern and #page[i] <= LONGEST and covers(parts, page[i]) then
            covered[#covered + 1] = page[i]
            covered[#covered + 1] = page[i + 1]
          end
        end
      end
      -- The lightest first, so that of equals the first by name keeps its sample.
      for i = #covered - 1, 1, -2 do
        local is_short = redis.call('HSTRLEN', samples, covered[i]) <= 65536
        local sample = is_short and redis.call('HGET', samples, covered[i]) or covered[i]
        if redis.pcall('ZREM', counts, covered[i]) == 1 then
          redis.call('ZINCRBY', counts, covered[i + 1], pattern)
          keep_sample(pattern, sample)
          redis.pcall('HDEL', samples, covered[i])
        end
      end
    end
    for place = 11, first_line - 1 do
      local pattern, parts, at = ARGV[place], {}, 1
      for from, to in string.gmatch(pattern, '()<%*>()') do
        parts[#parts + 1] = string.sub(pattern, at, from - 1)
        at = to
      end
      parts[#parts + 1] = string.sub(pattern, at)
      if type(redis.pcall('RPUSH', patterns, pattern)) == 'table' then break end
      learned = learned + 1
      move_covered(pattern, parts, common)
      move_covered(pattern, parts, last)
    end
  end
  if learned > 0 then
    redis.pcall('EXPIRE', patterns, life)
    distinct = redis.call('ZCARD', common)
  end

  for place = first_message, #ARGV, 3 do
    if ARGV[place + 2] ~= '' then keep_sample(ARGV[place], ARGV[place + 2]) end
  end

  -- Programs that follow Redis in Action know no bound. What they added above it is inherited by the next lightest; of
  -- very many, so that nobody waits long, some thousand at a time by the template that every message has.
  local excess = distinct - cap
  if excess > 1000 then
    local sum, most = 0, math.min(excess, 5000)
    for from = 0, most - 1, 100 do
      local page = redis.call('ZRANGE', common, from, math.min(from + 99, most - 1), 'WITHSCORES')
      for i = 2, #page, 2 do sum = sum + page[i] end
    end
    if redis.pcall('ZREMRANGEBYRANK', common, 0, most - 1) == most then redis.call('ZINCRBY', common, sum, '<*>') end
    distinct = redis.call('ZCARD', common)
    excess = 0
  end
  for _ = 1, excess do
    local lightest = redis.call('ZRANGE', common, 0, 1, 'WITHSCORES')
    if redis.pcall('ZREM', common, lightest[1]) ~= 1 then break end
    redis.call('ZINCRBY', common, lightest[2], lightest[3])
    distinct = distinct - 1
  end
end)
return { 'written', start, distinct, learned }
