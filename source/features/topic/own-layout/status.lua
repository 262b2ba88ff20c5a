#!lua flags=no-writes
-- What topics hold and how far their subscribers are: five keys for each topic, again and again. Long texts are cut.
-- KEYS[1] msgs: stream; entry `<epoch ms>-<last id>`
-- KEYS[2] subs: zset, subscriber -> the last id it has done
-- KEYS[3] leases: hash, subscriber -> `<token> <seen ms> <lease ms> <since ms> <epoch ms of done> <label>`
-- KEYS[4] ids: string, the highest id given
-- KEYS[5] state: hash; `floor`, `floorAt`, `lapseMs`; of each subscriber `blocked:`, `pace:`, `aside:`
-- KEYS[6..] more: the five keys of the next topics
-- ARGV[1] lapseMs: unless set in the state
-- ARGV[2] first: the place of the first subscriber wanted, the slowest being 0
-- ARGV[3] most: how many subscribers of a topic are wanted
-- ARGV[4] budget: bytes; with this many the reply ends: there are fewer subscribers, and topics after it are not looked at
-- ARGV[5..] names: only these subscribers, instead of a page
-- Reply: for each topic that was looked at {now ms, last, floor, retained, bytes or false where they may not be asked for, lapse ms, how many
-- Reply: subscribers there are; name, position, lease, oldest waiting ms, blocked, pace, aside of each}, or the text of its
-- Reply: error
local first, most, budget = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local spent = 0
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- What stands there, exact: beyond 2^53 a double, which Lua counts in, no longer tells two whole numbers apart.
local function whole(text, default, where)
  if not text then return tonumber(default) end
  local number = string.find(text, '^%-?%d+$') and tonumber(text)
  if not number or number > 9007199254740991 or number < -9007199254740991 then
    error({ err = 'ERR value is not an integer or out of range in ' .. where })
  end
  return number
end

local function read(msgs, subs, leases, ids, state)
  local text = redis.call('GETRANGE', ids, 0, 31)
  local last = whole((text ~= '' or redis.call('EXISTS', ids) == 1) and text, 0, 'ids')
  local known = redis.call('HMGET', state, 'floor', 'floorAt', 'lapseMs')
  local floor, floorAt = whole(known[1], 0, 'state'), known[2] or '0'
  redis.call('XLEN', msgs)
  local bytes = redis.pcall('MEMORY', 'USAGE', msgs)
  if type(bytes) == 'table' then bytes = false end
  if bytes == false and redis.call('EXISTS', msgs) == 0 then bytes = 0 end
  local reply = { now, last, floor, last - floor, bytes, whole(known[3], ARGV[1], 'state'), redis.call('ZCARD', subs) }
  if most == 0 then return reply end
  local page = {}
  for i = 5, #ARGV do
    local position = redis.call('ZSCORE', subs, ARGV[i])
    if position then page[#page + 1], page[#page + 2] = ARGV[i], position end
  end
  if #ARGV < 5 then page = redis.call('ZRANGE', subs, first, first + most - 1, 'WITHSCORES') end
  local asked, oldest
  for i = 1, #page, 2 do
    local name = page[i]
    local served = string.sub(redis.call('HGET', leases, name) or '', 1, 512)
    local done, at = tonumber(page[i + 1]), string.match(served, '^%S+ %d+ %d+ %d+ (%d+) ') or '0'
    if floor > done then done, at = floor, floorAt end
    if done ~= asked then
      local start = at .. '-' .. string.format('%.0f', done + 1)
      local entry = done < last and redis.call('XRANGE', msgs, start, '+', 'COUNT', 1)[1]
      asked, oldest = done, entry and tonumber(string.match(entry[1], '^%d+')) or 0
    end
    local about = redis.call('HMGET', state, 'blocked:' .. name, 'pace:' .. name, 'aside:' .. name)
    local n = #reply
    reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = string.sub(name, 1, 1024), page[i + 1], served, oldest
    reply[n + 5], reply[n + 6] = string.sub(about[1] or '', 1, 4096), string.sub(about[2] or '', 1, 64)
    reply[n + 7] = string.sub(about[3] or '', 1, 16)
    spent = spent + #reply[n + 1] + #served + #reply[n + 5] + 64
    if spent >= budget then break end
  end
  return reply
end

local topics = {}
for i = 1, #KEYS, 5 do
  if i > 1 and spent >= budget then break end
  spent = spent + 64
  local isRead, reply = pcall(read, KEYS[i], KEYS[i + 1], KEYS[i + 2], KEYS[i + 3], KEYS[i + 4])
  if not isRead then reply = type(reply) == 'table' and reply.err or tostring(reply) end
  topics[#topics + 1] = reply
end
return topics
