#!lua flags=no-writes
-- What topics hold and how far their subscribers are: five keys for each topic, again and again.
-- KEYS[1] msgs: stream; entry `<epoch ms>-<last id>`
-- KEYS[2] subs: zset, subscriber -> the last id it has done
-- KEYS[3] seats: hash, subscriber -> `<token> <seen ms> <lease ms> <since ms> <epoch ms of done> <label>`
-- KEYS[4] ids: string, the highest id given
-- KEYS[5] state: hash; `floor`, `floorAt`, `lapseMs`, `blocked:<subscriber>`
-- KEYS[6..] more: the five keys of the next topics
-- ARGV[1] lapseMs: unless set in the state
-- ARGV[2] most: how many subscribers of a topic to tell of, the slowest first
-- Reply: for each topic {now ms, last, floor, retained, bytes, lapse ms, name, position, seat, oldest waiting ms,
--   blocked, name...}, or the text of its error
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function tell(msgs, subs, seats, ids, state)
  local last = tonumber(redis.call('GET', ids) or 0)
  local known = redis.call('HMGET', state, 'floor', 'floorAt', 'lapseMs')
  local floor, floorAt = tonumber(known[1] or 0), known[2] or '0'
  redis.call('XLEN', msgs)
  local reply = {
    now, last, floor, last - floor, redis.call('MEMORY', 'USAGE', msgs) or 0, tonumber(known[3] or ARGV[1]),
  }
  local page = redis.call('ZRANGE', subs, 0, ARGV[2] - 1, 'WITHSCORES')
  local asked, oldest
  for i = 1, #page, 2 do
    local seat = redis.call('HGET', seats, page[i]) or ''
    local done, at = tonumber(page[i + 1]), string.match(seat, '^%S+ %d+ %d+ %d+ (%d+) ') or '0'
    if floor > done then done, at = floor, floorAt end
    if done ~= asked then
      local start = at .. '-' .. string.format('%.0f', done + 1)
      local entry = done < last and redis.call('XRANGE', msgs, start, '+', 'COUNT', 1)[1]
      asked, oldest = done, entry and tonumber(string.match(entry[1], '^%d+')) or 0
    end
    local n = #reply
    reply[n + 1], reply[n + 2], reply[n + 3] = page[i], tonumber(page[i + 1]), seat
    reply[n + 4] = oldest
    reply[n + 5] = redis.call('HGET', state, 'blocked:' .. page[i]) or ''
  end
  return reply
end

local topics = {}
for i = 1, #KEYS, 5 do
  local isTold, reply = pcall(tell, KEYS[i], KEYS[i + 1], KEYS[i + 2], KEYS[i + 3], KEYS[i + 4])
  if not isTold and type(reply) == 'table' then reply = reply.err end
  topics[#topics + 1] = reply
end
return topics
