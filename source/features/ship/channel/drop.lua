#!lua flags=allow-oom
-- Gives up a part that a consumer had set aside: it counts as finished by that consumer.
-- KEYS[1] settings: hash, the run, its budget and totals
-- KEYS[2] parts: hash part -> JSON, the ledger
-- KEYS[3] aside: hash consumer:part -> JSON, parts that a consumer set aside
-- KEYS[4] data: string
-- KEYS[5] counter: string, how many consumers have finished it
-- ARGV[1] id: the consumer's
-- ARGV[2] part: its name
-- ARGV[3] publish: PUBLISH, or SPUBLISH in Cluster
-- ARGV[4] budget channel: the channel that is notified when room was given back
-- Reply: {'dropped', bytes freed} or {'unknown'}
-- @include ../consumer/finish-part.lua
local field = ARGV[1] .. ':' .. ARGV[2]
local stored = redis.call('HGET', KEYS[3], field)
if not stored then return { 'unknown' } end
local keys = { settings = KEYS[1], parts = KEYS[2], data = KEYS[4], counter = KEYS[5] }
local freed = finish_part(keys, ARGV[2], redis.call('HGET', KEYS[2], ARGV[2]), ARGV[1], cjson.decode(stored).id) or 0
redis.call('HDEL', KEYS[3], field)
if freed > 0 then
  redis.call('HINCRBY', KEYS[1], 'used', -freed)
  redis.pcall(ARGV[3], ARGV[4], 'room')
end
return { 'dropped', freed }
