#!lua flags=allow-oom
-- Takes away what lies beside a room that is gone.
-- KEYS[1] members: zset member -> id of the last message seen
-- KEYS[2] pins: zset JSON -> id of the message
-- KEYS[3] here: zset member -> epoch ms of when they last looked
-- Reply: how many keys were removed; 0 when the room is there again
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
return redis.call('UNLINK', KEYS[2], KEYS[3])
