-- Publishes one message: gives it an id, appends it to the log of its topic, sends it to all nodes.
-- KEYS  1 id  2 the topic's log  3 topics  4 recent  5 floors  6 ends; then, each only if needed:
--       where the id of the first publish with the publisher's key is kept, and the counter of a
--       rate limit
-- ARGV  1 topic  2 channel  3 message, 4 origin ('': none), both JSON text  5 ttl in s (0: none)
--       6 the client's timestamp in ms (0: none)  7 entries that a log may hold (0: no limit)
--       8 '1': keep the log  9 '1': the publish has a key  10 publishes that the rate limit allows
--       ('': no limit)  11 ms from the first publish counted until the counter ends  12 the highest
--       id that the node knows  13 default ttl in s (0: forever)  14 the replid of the history that
--       the node has joined ('': not known)
-- Answers the id as a string. If a publish with this key was done already, answers its id as a
-- status. If the rate limit is reached, answers the ms until the counter ends as an integer. If
-- Redis has forgotten ids that the node knows, or another node has found a new history, answers the
-- error FENCE and does nothing: the node runs fence.lua and publishes again. Lua does not roll back,
-- so the write that Redis may refuse comes first.
local ID, LOG, TOPICS, RECENT, FLOORS, ENDS = unpack(KEYS)
local topic, channel, message, origin = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local ttl, timestamp, max_length = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local keeps_log, limit = ARGV[8] == '1', ARGV[10]
local default_ms = ARGV[13] == '0' and math.huge or tonumber(ARGV[13]) * 1000
local ONCE = ARGV[9] == '1' and KEYS[7]
local COUNT = limit ~= '' and KEYS[#KEYS]

-- Most publishes have neither a key nor a limit and skip this part.
local first = ONCE and redis.call('GET', ONCE)
if first then
    return { ok = first }
end
local left = COUNT and redis.call('PTTL', COUNT) or -1 -- < 0: nothing has been counted yet
local counted = left >= 0 and tonumber(redis.call('GET', COUNT)) or 0
if COUNT and counted >= tonumber(limit) then
    return left >= 0 and left or tonumber(ARGV[11])
end

local last = redis.call('GET', ID)
local known_ms, known_seq = read_id(ARGV[12])
local ms, seq = read_id(last or '0-0')
if not last or known_ms > ms or (known_ms == ms and known_seq > seq) then
    return redis.error_reply('FENCE Redis has forgotten ids that this node knows')
end
local history = ARGV[14] ~= '' and redis.call('HMGET', FLOORS, HISTORY)[1]
if history and history ~= ARGV[14] then
    return redis.error_reply('FENCE Redis has another history than the one that this node has joined')
end
local now = read_clock()
if now > ms then
    ms, seq = now, 0
else
    seq = seq + 1
end
local id = digits(ms) .. '-' .. digits(seq)

-- Removes the entries over the limit. Returns the highest id removed, or nil if none was removed.
local function trim()
    local over = max_length > 0 and redis.call('XLEN', LOG) - max_length or 0
    if over <= 0 then
        return nil
    end
    if over > 1 then -- the limit was lowered
        redis.call('XTRIM', LOG, 'MAXLEN', max_length + 1)
    end
    local highest = redis.call('XRANGE', LOG, '-', '+', 'COUNT', 1)[1][1]
    redis.call('XTRIM', LOG, 'MAXLEN', max_length)
    return highest
end

-- Moves the log start of the topic if its log is gone: it has expired, Redis has evicted it, or the
-- clock was wrong. Everything up to the last id is missing, unless it expired by shorter ttls of
-- its own. Of the last id only the ms is known. The topic then ends no earlier than its missing
-- messages would have expired, because forget.lua removes the log start as well.
local function note_loss()
    local last_ms = tonumber(redis.call('ZSCORE', RECENT, topic) or '')
    if not last_ms then
        return
    end
    local ends = tonumber(redis.call('ZSCORE', ENDS, topic) or '')
    local has_own_end = ends and ends >= last_ms
    if has_own_end and ends <= now then
        note_ended(FLOORS, ends, last_ms)
        return
    end
    redis.call('HSET', FLOORS, topic, digits(last_ms) .. '-18446744073709551615')
    if not has_own_end then
        redis.call('ZADD', ENDS, digits(last_ms + default_ms), topic)
    end
end

local function add_entry()
    local add = { 'XADD', LOG, id, 'message', message }
    local function field(name, value)
        add[#add + 1] = name
        add[#add + 1] = value
    end
    if origin ~= '' then
        field('origin', origin)
    end
    if ttl > 0 then
        field('expiry', digits(now + ttl * 1000))
        if ms > now then
            field('clock', digits(now)) -- the ttl counts from here, not from the id
        end
    end
    if timestamp ~= 0 and timestamp >= now - 7 * 24 * 3600 * 1000 and timestamp <= now + 60000 then
        field('timestamp', ARGV[6])
    end
    redis.call(unpack(add))
end

-- Moves the expiry of the log, but only to a later time: the log lives as long as its longest-lived
-- entry.
local function extend_life(left)
    if ttl == 0 then
        if left >= 0 then
            redis.call('PERSIST', LOG)
        end
    elseif left ~= -1 and left < ttl * 1000 then
        redis.call('PEXPIREAT', LOG, digits(now + ttl * 1000))
    end
end

-- Records when the log ends if that is earlier than the default ttl of this message. The log may
-- then be gone although nothing is missing. The end never moves to an earlier time.
local function note_end(left)
    local life = (ttl == 0 or left == -1) and math.huge or math.max(left, ttl * 1000)
    if life >= default_ms then
        redis.call('ZREM', ENDS, topic)
        return
    end
    local before = tonumber(redis.call('ZSCORE', ENDS, topic) or '0')
    redis.call('ZADD', ENDS, digits(math.max(now + life, before)), topic)
end

local function append()
    local left = redis.call('PTTL', LOG) -- -1: forever, -2: there is no log yet
    if left == -2 then
        note_loss()
    end
    add_entry()
    local trimmed = trim()
    if trimmed then
        redis.call('HSET', FLOORS, topic, trimmed)
    end
    redis.call('ZADD', TOPICS, 0, topic)
    redis.call('ZADD', RECENT, digits(ms), topic)
    extend_life(left)
    note_end(left)
    if ms > now + FENCE_AHEAD_MS then
        redis.call('HSET', FLOORS, AHEAD, id) -- the clock has stepped back
    end
end

if keeps_log then
    append()
end
redis.call('SET', ID, id)
if ONCE then
    redis.call('SET', ONCE, id, 'PX', KEY_MS)
end
if COUNT and left >= 0 then
    redis.call('INCR', COUNT)
elseif COUNT then
    redis.call('SET', COUNT, 1, 'PX', ARGV[11])
end

local sender = origin ~= '' and ',"origin":' .. origin or ''
redis.call('PUBLISH', channel,
    '{"id":"' .. id .. '","message":' .. message .. sender .. ',"topic":"' .. topic .. '","v":1}')
return id
