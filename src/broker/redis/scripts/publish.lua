-- Publishes messages, one after another: gives each an id, appends it to the log of its topic, sends it
-- to all nodes. It reads the clock once, and writes the last id and the indexes once.
-- KEYS  1 id  2 topics  3 recent  4 floors  5 ends; then of each message its topic's log and, each only
--       if needed, where the id of the first publish with the publisher's key is kept, and the counter
--       of a rate limit
-- ARGV  1 what comes before the topic in the name of a channel  2 entries that a log may hold (0: no
--       limit): one number for all, or one for each message, a space after each  3 '1': keep the log
--       4 the highest id that the node knows  5 default ttl in s (0: forever)  6 the replid of the
--       history that the node has joined ('': not known); then of each message nine: 1 topic
--       2 message, 3 origin ('': none), both JSON text  4 ttl in s (0: none)  5 the client's timestamp
--       in ms (0: none)  6 '1': the publish has a key  7 publishes that the rate limit allows ('': no
--       limit)  8 ms from the first publish counted until the counter ends  9 its author, the
--       connection that does not want it back ('': none)
-- Answers an array with one element for each message: the id as a string. If a publish with its key was
-- done already, the id of that one as a status. If its rate limit is reached, the ms until the counter
-- ends as an integer. If Redis refused it, the error. If Redis has forgotten ids that the node knows, or
-- another node has found a new history, the whole answer is the error FENCE, and nothing was done: the
-- node runs fence.lua and publishes again. Lua does not roll back, so the write that Redis may refuse
-- comes first. An error after that begins with UNSURE: the message may be in the log.
local ID, TOPICS, RECENT, FLOORS, ENDS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local channel, max_length, keeps_log = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1'
local lengths -- of each message; nil: max_length holds for all
local default_ms = ARGV[5] == '0' and math.huge or tonumber(ARGV[5]) * 1000

local ms, seq -- the last id; nil: no message has needed one yet
local now, fence -- fence: why nothing can be published
local ms_text -- of the ids of this call
local expiry, expiry_ttl -- now and this ttl, as text; of the last message appended
local id -- of the last message
local number = 0 -- of the message at hand
local has_begun -- the message at hand is in the log
local logs, n_logs = {}, 0 -- of the topics that got a message: log, topic, and what is known of it

local function begin()
    fence, ms, seq = read_last(ID, FLOORS, ARGV[4], ARGV[6])
    if fence then
        return
    end
    now = read_clock()
    ms_text = digits(math.max(now, ms)) -- of all ids that follow
end

-- Removes the entries over the limit, and keeps the highest id removed.
local function trim(log, topic, max_length)
    local over = redis.call('XLEN', log) - max_length
    if over <= 0 or max_length == 0 then
        return
    end
    if over > 1 then
        redis.call('XTRIM', log, 'MAXLEN', max_length + 1)
    end
    local highest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1][1]
    redis.call('XTRIM', log, 'MAXLEN', max_length)
    redis.call('HSET', FLOORS, topic, highest)
end

-- Moves the log start of the topic if its log is gone: it has expired, Redis has evicted it, or the
-- clock was wrong. Everything up to the last id is missing, unless it expired by shorter ttls of
-- its own. Of the last id only the ms is known. The topic then ends no earlier than its missing
-- messages would have expired, because forget.lua removes the log start as well.
local function note_loss(topic)
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

local function add_entry(log, entry, arg, ttl, entry_ms)
    local message, origin, author = ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 8]
    local timestamp = ARGV[arg + 4] ~= '0' and tonumber(ARGV[arg + 4])
    local is_timely = timestamp and timestamp >= now - 7 * 24 * 3600 * 1000 and
        timestamp <= now + 60000
    if ttl ~= expiry_ttl then
        expiry, expiry_ttl = digits(now + ttl * 1000), ttl
    end
    if ttl > 0 and entry_ms == now and not is_timely and author == '' then -- most entries
        if origin ~= '' then
            redis.call('XADD', log, entry, 'message', message, 'origin', origin, 'expiry', expiry)
        else
            redis.call('XADD', log, entry, 'message', message, 'expiry', expiry)
        end
        return
    end
    local add = { 'XADD', log, entry, 'message', message }
    local function field(name, value)
        add[#add + 1] = name
        add[#add + 1] = value
    end
    if origin ~= '' then
        field('origin', origin)
    end
    if ttl > 0 then
        field('expiry', expiry)
        if entry_ms > now then
            field('clock', digits(now)) -- the ttl counts from here, not from the id
        end
    end
    if is_timely then
        field('timestamp', ARGV[arg + 4])
    end
    if author ~= '' then
        field('author', author)
    end
    redis.call(unpack(add))
end

-- Moves the expiry of the log, but only to a later time: the log lives as long as its longest-lived
-- entry. Returns the ms until then; -1: forever.
local function extend_life(log, left, ttl)
    if ttl == 0 then
        if left >= 0 then
            redis.call('PERSIST', log)
        end
        return -1
    end
    if left ~= -1 and left < ttl * 1000 then
        redis.call('PEXPIREAT', log, expiry)
        return ttl * 1000
    end
    return left
end

-- Records when the log ends if that is earlier than the default ttl of this message. The log may
-- then be gone although nothing is missing. The end never moves to an earlier time.
local function note_end(known, left, ttl)
    if ttl == 0 or left == -1 or left >= default_ms or ttl * 1000 >= default_ms then
        known.has_no_end = true
        return
    end
    local life = math.max(left, ttl * 1000)
    local topic = known.topic
    local before = not known.has_no_end and tonumber(redis.call('ZSCORE', ENDS, topic) or '0') or 0
    known.has_no_end = false
    redis.call('ZADD', ENDS, digits(math.max(now + life, before)), topic)
end

local function append(log, arg, next_id, next_ms, next_seq)
    local topic, ttl = ARGV[arg], tonumber(ARGV[arg + 3])
    local known = logs[topic]
    local left = known and known.left or redis.call('PTTL', log) -- -1: forever, -2: no log yet
    if left == -2 then
        note_loss(topic)
    end
    add_entry(log, next_id, arg, ttl, next_ms)
    id, ms, seq, has_begun = next_id, next_ms, next_seq, true -- whatever fails now, the id is used
    if not known then
        known = { log = log, topic = topic, ms = ms_text, left = left, has_no_end = false }
        n_logs = n_logs + 1
        logs[topic], logs[n_logs] = known, known
    end
    known.ms = ms_text
    known.max_length = lengths and lengths[number]
    note_end(known, left, ttl)
    known.left = extend_life(log, left, ttl)
end

local function publish(arg, log, once, count)
    local first = once and redis.call('GET', once)
    if first then
        return { ok = first }
    end
    local left = count and redis.call('PTTL', count) or -1 -- < 0: nothing has been counted yet
    local counted = left >= 0 and tonumber(redis.call('GET', count)) or 0
    if count and counted >= tonumber(ARGV[arg + 6]) then
        return left >= 0 and left or tonumber(ARGV[arg + 7])
    end

    if not ms then
        begin()
        if fence then
            return fence
        end
    end
    local next_ms, next_seq = ms, seq + 1
    if now > ms then
        next_ms, next_seq = now, 0
    end
    local next_id = ms_text .. '-' .. (next_seq == 0 and '0' or digits(next_seq))
    if keeps_log then
        append(log, arg, next_id, next_ms, next_seq)
    else
        redis.call('SET', ID, next_id)
        id, ms, seq, has_begun = next_id, next_ms, next_seq, true
    end
    if once then
        redis.call('SET', once, id, 'PX', KEY_MS)
    end
    if count and left >= 0 then
        redis.call('INCR', count)
    elseif count then
        redis.call('SET', count, 1, 'PX', ARGV[arg + 7])
    end

    local topic, origin = ARGV[arg], ARGV[arg + 2]
    local sender = origin ~= '' and ',"origin":' .. origin or ''
    local ending = '","v":1}'
    if keeps_log then -- a node may keep the message only if it knows when it expires
        ending = '","expiry":' .. (ARGV[arg + 3] == '0' and '0' or expiry) .. ',"v":1}'
    end
    if ARGV[arg + 8] ~= '' then
        ending = '","author":"' .. ARGV[arg + 8] .. ending
    end
    redis.call('PUBLISH', channel .. topic,
        '{"id":"' .. id .. '","message":' .. ARGV[arg + 1] .. sender .. ',"topic":"' .. topic .. ending)
    return id
end

-- Does what the messages in the logs share.
local function finish()
    redis.call('SET', ID, id)
    if n_logs == 1 then -- most calls
        local known = logs[1]
        redis.call('ZADD', TOPICS, 0, known.topic)
        redis.call('ZADD', RECENT, known.ms, known.topic)
        if known.has_no_end then
            redis.call('ZREM', ENDS, known.topic)
        end
    elseif n_logs > 1 then
        local topics, recent, ends = { 'ZADD', TOPICS }, { 'ZADD', RECENT }, { 'ZREM', ENDS }
        for i = 1, n_logs do
            local known, last = logs[i], 2 * i + 2
            topics[last - 1], topics[last] = 0, known.topic
            recent[last - 1], recent[last] = known.ms, known.topic
            if known.has_no_end then
                ends[#ends + 1] = known.topic
            end
        end
        redis.call(unpack(topics))
        redis.call(unpack(recent))
        if #ends > 2 then
            redis.call(unpack(ends))
        end
    end
    for i = 1, max_length ~= 0 and n_logs or 0 do
        trim(logs[i].log, logs[i].topic, logs[i].max_length or max_length)
    end
    if ms > now + FENCE_AHEAD_MS then
        redis.call('HSET', FLOORS, AHEAD, id) -- the clock has stepped back
    end
end

local function failure(problem)
    local text = type(problem) == 'table' and problem.err or tostring(problem)
    return { err = (has_begun and 'UNSURE ' or '') .. text }
end

local answers, key = {}, 6
if not max_length then
    lengths = {}
    for length in string.gmatch(ARGV[2], '%d+') do
        lengths[#lengths + 1] = tonumber(length)
    end
end
for arg = 7, #ARGV, 9 do
    local log, once, count = KEYS[key], nil, nil
    key = key + 1
    if ARGV[arg + 5] == '1' then
        once = KEYS[key]
        key = key + 1
    end
    if ARGV[arg + 6] ~= '' then
        count = KEYS[key]
        key = key + 1
    end
    has_begun, number = false, number + 1
    local ok, answer = pcall(publish, arg, log, once, count)
    if fence then
        return redis.error_reply(fence)
    end
    answers[#answers + 1] = ok and answer or failure(answer)
end
if id and keeps_log then
    has_begun = true
    local ok, problem = pcall(finish)
    if not ok then
        return failure(problem)
    end
end
return answers
