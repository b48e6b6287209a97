-- Shared by all scripts: the build puts this text in front of each of them. A name between two @
-- is replaced with the value of that constant in C (cmake/EmbedLua.cmake, redis_scripts.c).
if redis.replicate_commands then
    redis.replicate_commands() -- up to Redis 6, a write after TIME or INFO needs this
end

local KEY_MS = @BROKER_KEY_S@ * 1000 -- how long the key of a publish is remembered
local GAPS_MAX = @GAPS_MAX@ -- topics with gaps that an answer names
local GONE_MAX = @REDIS_FORGET_MAX@ -- topics without a log that an answer names
local HISTORIES_MAX = @REDIS_HISTORIES_MAX@ -- histories that the lineage holds
local REVOKED_PAGE = @REDIS_REVOKED_PAGE@ -- revoked tokens in one answer
local FENCE_AHEAD_MS = @REDIS_FENCE_AHEAD_MS@ -- how far the id of a fence is ahead of the clock

-- Members of the indexes that are not topics. MARK is above every range that history.lua reads.
local MARK = '\255index' -- in topics and recent, and the name of a log: see probe.lua
local START = '#' -- in floors: the log start of all topics together
local AHEAD = '+' -- in floors: the last id that was ahead of the clock
local ENDED = '!' -- in floors: the latest end of a log with short ttls, and the highest ms of its ids
local LINEAGE = '=' -- in floors: the histories, oldest first (lineage.lua)
local HISTORY = '@' -- in floors: the replid of the last one

-- Puts the marks into the indexes, with this log start. As long as they are there, Redis has evicted
-- no index.
local function mark_indexes(topics, recent, floors, mark_log, start)
    redis.call('ZADD', topics, 0, MARK)
    redis.call('ZADD', recent, -1, MARK)
    redis.call('HSET', floors, START, start)
    redis.call('SET', mark_log, '')
end

local function digits(number)
    return string.format('%.0f', number)
end

-- Returns Redis's clock in ms and in us.
local function read_clock()
    local time = redis.call('TIME')
    local s, us = tonumber(time[1]), tonumber(time[2])
    return s * 1000 + math.floor(us / 1000), s * 1000000 + us
end

local function read_id(text)
    local ms, seq = string.match(text, '^(%d+)-(%d+)$')
    return tonumber(ms), tonumber(seq)
end

-- Keeps the latest end of a log that is gone, and the highest ms of its ids. If the clock goes back
-- below that end, those messages are missing.
local function note_ended(floors, ends, last_ms)
    local before_ends, before_ms = read_id(redis.call('HMGET', floors, ENDED)[1] or '0-0')
    redis.call('HSET', floors, ENDED, digits(math.max(ends, before_ends)) .. '-' ..
        digits(math.max(last_ms, before_ms)))
end

-- Reads the last id, for a script that writes. The first result is nil, or why nothing may be written:
-- Redis has lost the highest id that the node knows, or has another history than the one that the node
-- has joined (its replid; '': not known).
local function read_last(id, floors, known, replid)
    local last = redis.call('GET', id)
    local ms, seq = read_id(last or '0-0')
    local known_ms, known_seq = ms, seq
    if known ~= last then
        known_ms, known_seq = read_id(known)
    end
    if not last or known_ms > ms or (known_ms == ms and known_seq > seq) then
        return 'FENCE Redis has forgotten ids that this node knows'
    end
    local history = replid ~= '' and redis.call('HMGET', floors, HISTORY)[1]
    if history and history ~= replid then
        return 'FENCE Redis has another history than the one that this node has joined'
    end
    return nil, ms, seq
end
