-- needs lineage.lua
-- Removes all messages of a topic from its log, and tells all nodes.
-- KEYS  1 id  2 floors  3 the topic's log
-- ARGV  1 the highest id that the node knows  2 the replid of the history that it has joined ('': not
--       known)  3 the channel that tells all nodes  4 the topic
-- Answers how many entries the log had. If Redis has forgotten ids that the node knows, or another node
-- has found a new history, the answer is the error FENCE, and nothing was done.
--
-- The log stays as an empty stream for as long as its longest-lived message would have lived, and the
-- log start of the topic moves to the last id. So readers from before are told that messages are
-- missing, and a reader at the last id that it has everything. An empty stream also tells history.lua
-- that the newest message of the topic was purged: nothing else empties a log.
--
-- UNLINK leaves the entries to a thread of Redis: clients do not wait for a log with a million of them.
--
-- The message to the nodes makes them forget what they have of the topic in memory, even if the log is
-- gone. It is in order with the messages of the topic. A node of an older version takes it for a new
-- history and joins again, which does the same.
local ID, FLOORS, LOG = unpack(KEYS)
local known, replid, channel, topic = unpack(ARGV)

local fence = read_last(ID, FLOORS, known, replid)
if fence then
    return redis.error_reply(fence)
end
local count, left = redis.call('XLEN', LOG), redis.call('PTTL', LOG)
local newest = redis.call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)[1]
local start = redis.call('HMGET', FLOORS, topic)[1]

-- Deletes nothing. It only finds out whether Redis takes writes, before anything is changed. A Redis
-- without memory allows the call, since it can only free memory, and then also the writes below.
redis.call('UNLINK', ID .. ':none')
if newest then
    if not start or is_less(id_of(start), id_of(newest[1])) then
        redis.call('HSET', FLOORS, topic, newest[1])
    end
    redis.call('UNLINK', LOG)
    redis.call('XADD', LOG, 'MAXLEN', 0, newest[1], 'message', '')
    if left >= 0 then
        redis.call('PEXPIREAT', LOG, digits(read_clock() + left))
    end
end
redis.call('PUBLISH', channel, 'purged ' .. redis.call('GET', ID) .. ' ' .. topic)
return count
