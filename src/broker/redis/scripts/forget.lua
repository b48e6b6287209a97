-- Removes topics whose log has expired from the indexes. Nothing else removes them.
-- KEYS  1 topics  2 recent  3 floors  4 ends  5 sweep: the ZSCAN cursor  6 the lock of the sweep
-- ARGV  1 the beginning of the keys of logs  2 default ttl in s (0: forever)  3.. the topics to
--       check; none: the next batch of a slow sweep over all topics, which only one node at a time
--       makes
-- Answers how many topics were removed.
--
-- A topic whose log is gone too early (Redis evicted it, or the clock was ahead) stays until its
-- last message would have expired, so that history.lua can report what is missing. Then START in
-- `floors` moves up to the last id: if the clock goes back, that message is missing again.
local TOPICS, RECENT, FLOORS, ENDS, SWEEP, LOCK = unpack(KEYS)
local LOG, default_ttl = ARGV[1], tonumber(ARGV[2])
local SWEEP_TOPICS, SWEEP_PAUSE_MS = 1000, 4000
local now = read_clock()

local function score(index, topic)
    return tonumber(redis.call('ZSCORE', index, topic) or '')
end

-- Adds a topic to the index that Redis has evicted.
local function complete(topic)
    redis.call('ZADD', TOPICS, 0, topic)
    if not score(RECENT, topic) then
        local last = redis.call('XREVRANGE', LOG .. topic, '+', '-', 'COUNT', 1)[1]
        redis.call('ZADD', RECENT, last and string.match(last[1], '^%d+') or 0, topic)
    end
end

-- Moves START up to the highest id of this ms. If it is absent, the probe sets it.
local function raise_start(ms)
    local start = redis.call('HMGET', FLOORS, START)[1]
    if start and tonumber(string.match(start, '^%d+')) <= ms then
        redis.call('HSET', FLOORS, START, string.format('%.0f-18446744073709551615', ms))
    end
end

local function forget(topic)
    if topic == MARK or redis.call('EXISTS', LOG .. topic) == 1 then
        return 0
    end
    local last_ms, ends = score(RECENT, topic), score(ENDS, topic)
    local has_own_end = last_ms and ends and ends >= last_ms
    if last_ms and not has_own_end then
        if default_ttl > 0 and now < last_ms + default_ttl * 1000 then
            return 0
        end
        raise_start(last_ms)
    elseif has_own_end then
        if now < ends then
            return 0
        end
        note_ended(FLOORS, ends, last_ms)
    end
    redis.call('ZREM', TOPICS, topic)
    redis.call('ZREM', RECENT, topic)
    redis.call('ZREM', ENDS, topic)
    redis.call('HDEL', FLOORS, topic)
    return 1
end

local function sweep()
    if not redis.call('SET', LOCK, '1', 'NX', 'PX', SWEEP_PAUSE_MS) then
        return 0
    end
    local n_topics = redis.call('ZCOUNT', TOPICS, '-inf', '+inf')
    local n_recent = redis.call('ZCOUNT', RECENT, '-inf', '+inf')
    local cursor = redis.call('GET', SWEEP) or '0'
    local index = n_recent > n_topics and RECENT or TOPICS
    local answer = redis.call('ZSCAN', index, cursor, 'COUNT', SWEEP_TOPICS)
    redis.call('SET', SWEEP, answer[1])
    local n = 0
    for i = 1, #answer[2], 2 do -- topic, score, topic, score
        local topic = answer[2][i]
        local forgotten = forget(topic)
        if forgotten == 0 and topic ~= MARK and n_topics ~= n_recent then
            complete(topic)
        end
        n = n + forgotten
    end
    return n
end

if #ARGV == 2 then
    return sweep()
end
local n = 0
for i = 3, #ARGV do
    n = n + forget(ARGV[i])
end
return n
