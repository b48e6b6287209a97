-- needs lineage.lua
-- Checks once a second that messages come through, that Redis accepts writes, that it still knows
-- the last id and continues the same history, and that it has not evicted an index of the log.
-- KEYS  1 id  2 floor  3 topics  4 recent  5 floors  6 where the log of MARK would be
-- ARGV  1 the node's own channel  2 the text to send there
-- Answers {id, floor, replid, 1 if the last history of the lineage has this replid}; a text that is
-- not known is ''. The SET changes nothing, but a Redis that takes no publishes (a replica, no
-- memory, no disk) refuses it, too. The message is sent before that.
--
-- Each index has a member that is not a topic: MARK in `topics` and `recent`, START in `floors`. If
-- one is missing, Redis has evicted that index, and with it the names of topics. History is then
-- complete only from the last id on, so START is set to it. fence.lua puts the marks into an empty
-- Redis. The log of MARK keeps the sweep of a node of an older version from removing the mark.
local ID, FLOOR, TOPICS, RECENT, FLOORS, MARK_LOG = unpack(KEYS)

local last = redis.call('GET', ID)
redis.call('PUBLISH', ARGV[1], ARGV[2])
if not last then
    return { '', redis.call('GET', FLOOR) or '', '', 0 }
end
redis.call('SET', ID, last)

local log_start = redis.call('GET', FLOOR)
local marks = 0
for _, index in ipairs({ TOPICS, RECENT }) do
    marks = marks + (redis.call('ZSCORE', index, MARK) and 1 or 0)
end
local log_starts = redis.call('HMGET', FLOORS, START, LINEAGE)
marks = marks + (log_starts[1] and 1 or 0)
if marks < 3 or not log_start then
    mark_indexes(TOPICS, RECENT, FLOORS, MARK_LOG, last)
elseif redis.call('EXISTS', MARK_LOG) == 0 then
    redis.call('SET', MARK_LOG, '')
end
if not log_start then
    log_start = '0-0'
    redis.call('SET', FLOOR, log_start) -- START has the log start now
end
local replid = read_replid()
local current = string.match(log_starts[2] or '', '(%w+):%d+%-%d+:$') or ''
return { last, log_start, replid, current == replid and 1 or 0 }
