#!lua
-- Stores messages the way programs of the legacy layout do, in one step; refuses while another publisher holds its lock, because that
-- one may have an id that is not stored yet. Sent twice, it is stored once.
-- KEYS[1] ids: string `pubsub:msg_id`, the highest id given
-- KEYS[2] msgs: zset `pubsub:messages`, JSON -> id
-- KEYS[3] lock: string `pubsub:lock`, there while another publisher is between its id and its message
-- KEYS[4] sent: string, the producer's last 127 frames in 16 bytes each: sequence number, last id
-- ARGV[1] sequence: the producer's number of this frame, from 1
-- ARGV[2] channel: every payload is published there too, for subscribers that take it from the channel
-- ARGV[3..] message: each as JSON text
-- Reply: the id of the last message; -1 while the lock is held
local sequence = tonumber(ARGV[1])
local slot = ((sequence - 1) % 127 + 1) * 16
local sent = redis.call('GETRANGE', KEYS[4], slot, slot + 15)
if #sent == 16 then
  local before, last = struct.unpack('dd', sent)
  if before == sequence then return last end
end
if redis.call('EXISTS', KEYS[3]) == 1 then return -1 end
local last
local payloads = {}
for i = 3, #ARGV do
  last = redis.call('INCR', KEYS[1])
  local id = string.format('%.0f', last)
  local payload = '{"msg_id": ' .. id .. ', "message": ' .. ARGV[i] .. '}'
  redis.call('ZADD', KEYS[2], id, payload)
  payloads[#payloads + 1] = payload
end
redis.call('SETRANGE', KEYS[4], slot, struct.pack('dd', sequence, last))
if sequence % 64 == 1 then redis.call('PEXPIRE', KEYS[4], 86400000) end
for _, payload in ipairs(payloads) do redis.pcall('PUBLISH', ARGV[2], payload) end
return last
