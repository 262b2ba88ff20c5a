#!lua
-- Gives a frame of messages its ids, stores it, and rings if a subscriber waits. Sent twice, it is stored once.
-- KEYS[1] msgs: stream; entry `<last id>-<epoch ms>` holds the messages up to that id
-- KEYS[2] ids: string, the highest id given
-- KEYS[3] state: hash; field `bell` exists while a subscriber waits
-- KEYS[4] sent: string, the producer's last 128 frames in 16 bytes each: sequence number, last id
-- ARGV[1] sequence: the producer's number of this frame, from 1
-- ARGV[2] count: how many messages the frame holds
-- ARGV[3] kind: `m` for one message as it is, `f<count>` for a JSON array of them
-- ARGV[4] body: the message or the array
-- ARGV[5] ring: PUBLISH, or SPUBLISH in Cluster
-- ARGV[6] bell: the channel to ring on
-- ARGV[7] follows: the frame that must be stored before this one; 0 if that does not matter
-- Reply: the id of the frame's last message; -1 when the frame it follows is not stored
local sequence, follows = tonumber(ARGV[1]), tonumber(ARGV[7])
local slot = (sequence % 128) * 16

local function stored(number)
  local place = (number % 128) * 16
  local sent = redis.call('GETRANGE', KEYS[4], place, place + 15)
  if #sent < 16 then return nil end
  local there, last = struct.unpack('dd', sent)
  return there == number and last or nil
end

local before = stored(sequence)
if before then return before end
if follows > 0 and not stored(follows) then return -1 end
local last = redis.call('INCRBY', KEYS[2], ARGV[2])
local time = redis.call('TIME')
local stamp = '-' .. time[1] .. string.format('%03d', math.floor(time[2] / 1000))
local added = redis.pcall('XADD', KEYS[1], string.format('%.0f', last) .. stamp, ARGV[3], ARGV[4])
if type(added) == 'table' and added.err then
  if not string.find(added.err, 'equal or smaller', 1, true) then return added end
  -- The counter was lost while the stream was not: go on from the stream.
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  local newest = 0
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then newest = tonumber(string.match(info[i + 1], '^%d+')) end
  end
  last = newest + tonumber(ARGV[2])
  redis.call('SET', KEYS[2], string.format('%.0f', last))
  redis.call('XADD', KEYS[1], string.format('%.0f', last) .. stamp, ARGV[3], ARGV[4])
end
redis.call('SETRANGE', KEYS[4], slot, struct.pack('dd', sequence, last))
if sequence % 64 == 1 then redis.call('PEXPIRE', KEYS[4], 86400000) end
if redis.call('HDEL', KEYS[3], 'bell') == 1 then redis.call(ARGV[5], ARGV[6], string.format('%.0f', last)) end
return last
