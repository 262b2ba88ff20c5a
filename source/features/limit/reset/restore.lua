#!lua
-- Takes back that a subject got a limit back: what it had spent counts again, beside what it has spent since.
-- KEYS[1] state: of the limit
-- KEYS[2] kept: what was spent before the reset
-- ARGV[1] algorithm: fixed, sliding or gcra
-- ARGV[2] max: of the limit
-- ARGV[3] perMs: its period
-- Reply: 1 when it counts again; 0 when nothing is kept any more; -1 when a key holds something else, with nothing changed
-- Sent twice it counts once: what is kept goes with the first time.

local call, floor, ceil = redis.call, math.floor, math.ceil
local algorithm, max, per = ARGV[1], tonumber(ARGV[2]), ARGV[3] * 1000
local types = { fixed = 'string', sliding = 'hash', gcra = 'string' }
local state, kept = call('TYPE', KEYS[1]).ok, call('TYPE', KEYS[2]).ok
if kept == 'none' then return 0 end
if kept ~= types[algorithm] or (state ~= 'none' and state ~= kept) then return -1 end

local clock = call('TIME')
local now = clock[1] * 1000000 + clock[2]

if algorithm == 'fixed' then
  -- It ends with the window it was spent in: as it is there, that is the window of now.
  local used, since = call('GET', KEYS[2]), state == 'none' and '0' or call('GET', KEYS[1])
  if not string.find(used, '^%d+$') or not string.find(since, '^%-?%d+$') then return -1 end
  local deadline = (now + per - now % per) / 1000 - 1
  call('SET', KEYS[1], string.format('%.0f', used + since), 'PXAT', string.format('%.0f', floor(deadline)))
elseif algorithm == 'gcra' then
  local function level(key)
    local at, poured = string.match(call('GET', key) or '', '^(%d+) (%d+)$')
    return at and math.max(0, poured - math.max(0, now - at) * max)
  end
  local before, since = level(KEYS[2]), state == 'none' and 0 or level(KEYS[1])
  if not before or not since then return -1 end
  local all = before + since
  call('SET', KEYS[1], string.format('%.0f %.0f', now, all), 'PXAT', string.format('%.0f', ceil((now + all / max) / 1000)))
else
  -- As many slices as a hit looks at; what is older counts no more.
  local size = ceil(per / 60)
  local span = ceil(per / size)
  local slice = floor(now / size)
  local counts, used = {}, 0
  for _, key in ipairs(state == 'none' and { KEYS[2] } or { KEYS[2], KEYS[1] }) do
    local fields = call('HGETALL', key)
    for i = 1, #fields, 2 do
      local at, count = tonumber(fields[i]), tonumber(fields[i + 1])
      if at and count and at >= slice - span and at <= slice then
        counts[at] = (counts[at] or 0) + count
        used = used + count
      end
    end
  end
  local words = {}
  for at, count in pairs(counts) do
    words[#words + 1], words[#words + 2] = string.format('%.0f', at), string.format('%.0f', count)
  end
  call('DEL', KEYS[1])
  if used > 0 then
    call('HSET', KEYS[1], 'slice', string.format('%.0f', slice), 'used', string.format('%.0f', used), unpack(words))
    call('PEXPIREAT', KEYS[1], string.format('%.0f', ceil((slice + span + 1) * size / 1000)))
  end
end
call('DEL', KEYS[2])
return 1
