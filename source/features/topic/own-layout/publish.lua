#!lua
-- Gives messages their ids, stores them, and notifies if a subscriber waits. Sent twice, they are stored once.
-- KEYS[1] msgs: stream; entry `<epoch ms>-<last id>` holds the messages up to that id; also the channel
-- KEYS[2] ids: string, the highest id given
-- KEYS[3] state: hash; field `bell` exists while a subscriber waits
-- KEYS[4] sent: string, the producer's last 127 frames in 16 bytes each: sequence number, last id
-- ARGV[1] sequence: the producer's number of this frame, from 1; negative: whether or not the one before is stored
-- ARGV[2] publish: PUBLISH, or SPUBLISH in Cluster
-- ARGV[3..] kind, body: of each entry; `m` for one message as it is, `f<count>` for a JSON array of them
-- Reply: the id of the last message; -1 when the frame before it is not stored
local call, pack = redis.call, struct.pack
local sequence = tonumber(ARGV[1])
local follows = sequence > 1
if sequence < 0 then sequence = -sequence end
-- Number 0 has no frame, so a slot and the one before it always lie side by side.
local slot = ((sequence - 1) % 127 + 1) * 16
local sent = call('GETRANGE', KEYS[4], slot - 16, slot + 15)
if #sent == 32 then
  local there, last = struct.unpack('dd', sent, 17)
  if there == sequence then return last end
end
if follows then
  local there = 0
  if slot > 16 then
    if #sent >= 16 then there = struct.unpack('d', sent) end
  else
    local latest = call('GETRANGE', KEYS[4], 2032, 2047)
    if #latest == 16 then there = struct.unpack('d', latest) end
  end
  if there ~= sequence - 1 then return -1 end
end

local count = 0
for i = 3, #ARGV, 2 do
  count = count + (ARGV[i] == 'm' and 1 or tonumber(string.sub(ARGV[i], 2)))
end
local last = call('INCRBY', KEYS[2], count)
if last == count and call('EXISTS', KEYS[1]) == 1 then
  -- The counter was lost while the stream was not: go on from the stream.
  local info = call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = tonumber(string.match(info[i + 1], '%d+$')) + count end
  end
  call('SET', KEYS[2], string.format('%.0f', last))
end

local time = call('TIME')
local stamp = string.format('%s%03d-', time[1], time[2] / 1000)
local id = last - count
for i = 3, #ARGV, 2 do
  id = id + (ARGV[i] == 'm' and 1 or tonumber(string.sub(ARGV[i], 2)))
  local added = redis.pcall('XADD', KEYS[1], stamp .. string.format('%.0f', id), ARGV[i], ARGV[i + 1])
  if type(added) == 'table' then
    if not string.find(added.err, 'equal or smaller', 1, true) then return added end
    -- The clock was set back: until it catches up, messages bear the time of the newest one.
    local info = call('XINFO', 'STREAM', KEYS[1])
    for field = 1, #info, 2 do
      if info[field] == 'last-generated-id' then stamp = string.match(info[field + 1], '^%d+-') end
    end
    call('XADD', KEYS[1], stamp .. string.format('%.0f', id), ARGV[i], ARGV[i + 1])
  end
end
call('SETRANGE', KEYS[4], slot, pack('dd', sequence, last))
if sequence % 64 == 1 then call('PEXPIRE', KEYS[4], 86400000) end
if redis.pcall('HDEL', KEYS[3], 'bell') == 1 then redis.pcall(ARGV[2], KEYS[1], string.format('%.0f', last)) end
return last
