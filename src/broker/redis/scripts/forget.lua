-- Removes topics whose log has expired from the indexes. Nothing else removes them.
-- KEYS  1 topics  2 recent  3 floors  4 sweep: the ZSCAN cursor  5 the lock of the sweep
-- ARGV  1 the beginning of the keys of logs  2.. the topics to check; none: the next batch of a
--       slow sweep over all topics, which only one node at a time makes
-- Answers how many topics were removed.
if redis.replicate_commands then
    redis.replicate_commands()
end

local TOPICS, RECENT, FLOORS, SWEEP, LOCK = unpack(KEYS)
local SWEEP_TOPICS, SWEEP_PAUSE_MS = 1000, 4000

local function forget(topic)
    if redis.call('EXISTS', ARGV[1] .. topic) == 1 then
        return 0
    end
    redis.call('ZREM', TOPICS, topic)
    redis.call('ZREM', RECENT, topic)
    redis.call('HDEL', FLOORS, topic)
    return 1
end

local function sweep()
    if not redis.call('SET', LOCK, '1', 'NX', 'PX', SWEEP_PAUSE_MS) then
        return 0
    end
    local cursor = redis.call('GET', SWEEP) or '0'
    local answer = redis.call('ZSCAN', TOPICS, cursor, 'COUNT', SWEEP_TOPICS)
    redis.call('SET', SWEEP, answer[1])
    local n = 0
    for i = 1, #answer[2], 2 do -- topic, score, topic, score
        n = n + forget(answer[2][i])
    end
    return n
end

if #ARGV == 1 then
    return sweep()
end
local n = 0
for i = 2, #ARGV do
    n = n + forget(ARGV[i])
end
return n
