-- needs lineage.lua
-- Makes sure, when a feed joins, that Redis issues only ids above every id that the node knows, and
-- finds out whether Redis has lost messages. No other script repairs ids.
-- KEYS  1 id  2 floor  3 topics  4 recent  5 floors  6 where the log of MARK would be
-- ARGV  1 the highest id that the node knows  2 its high-water mark  3 the highest id of a message
--       that it knows, from its feed or from the answer to a publish  4 the replid of the history
--       in which it learned that id  5 the channel that announces a new history, or a
--       new log start, to all nodes. An empty text in 1 to 4: not known
-- Answers {last id, floor ('': not set), replid ('': not known, or its history could not begin), 1
-- if messages that the node does not have may have been published or lost since its high-water
-- mark, the highest id that a message in the log may have, the replid of its history}.
--
-- If the replid differs from that of the last history, a new history begins, with a new id. So the
-- ids of messages that were lost with the end of the previous history are not issued again. If the
-- node knows ids that Redis has lost, the log starts anew: `floor` is set to an id above all known
-- ones. All nodes are told at once: what they have in memory says nothing of the loss.
--
-- A new history is announced to all nodes before its first message. Redis may change its replid
-- while nodes stay connected, and that message may reach a feed that is still at the old master.
-- Without the announcement, the node would assign the message to the history that it has joined,
-- and later report it as lost.
local ID, FLOOR, TOPICS, RECENT, FLOORS, MARK_LOG = unpack(KEYS)
local newest = ARGV[1] ~= '' and id_of(ARGV[1])
local high_water = ARGV[2] ~= '' and id_of(ARGV[2])
local tail, tail_replid = ARGV[3] ~= '' and id_of(ARGV[3]), ARGV[4]

-- A replica refuses writes. Find out now rather than with the first publish: this deletes nothing.
local refused = redis.pcall('DEL', ID .. ':none')
if type(refused) == 'table' and refused.err and string.find(refused.err, 'READONLY', 1, true) then
    return redis.error_reply('READONLY this Redis is a replica')
end

-- Makes an id above all that were issued. It depends on the clock alone, and its seq is the time in
-- us. Ids that follow it take more than a us each. So as long as the clock is not set, every id
-- that this script makes is above all ids before it, whatever the node that asks knows:
--
--     an id issued at the time t  <=  (t + FENCE_AHEAD_MS, us of t)  <  each fence after t
--
-- The second ahead covers ids issued by a faster clock. If the clock is still behind, the new id
-- is above all ids that the node and Redis know. A node that knows nothing and finds nothing begins
-- a deployment, and the first ids need not be ahead.
local function fence_id(known)
    local now, us = read_clock()
    local id = { ms = now + (known and FENCE_AHEAD_MS or 0), seq = us }
    if known and not is_less(known, id) then
        id.ms = known.ms + (us > known.seq and 0 or 1)
    end
    id.text = digits(id.ms) .. '-' .. digits(id.seq)
    return id
end

local last = redis.call('GET', ID)
last = last and id_of(last)
local log_start = redis.call('GET', FLOOR)
local start, lineage = unpack(redis.call('HMGET', FLOORS, START, LINEAGE))
local histories = last and read_lineage(lineage) or {}
local replid = read_replid()

-- Reports whether Redis has lost messages that no node has reported: all messages, or those after
-- the end of the history in which the node learned its last message. If the lineage lacks that
-- history, messages are lost. Messages below the log start were reported when the log start moved.
local function has_lost()
    if not last then
        return true
    end
    if not tail then
        return false
    end
    if is_less(last, tail) then
        return true
    end
    local is_told = log_start and is_less(tail, id_of(log_start))
    if is_told or replid == '' or tail_replid == '' or tail_replid == replid then
        return false
    end
    for _, history in ipairs(histories) do
        if history.replid == tail_replid then
            return is_less(history.last or last, tail)
        end
    end
    return true
end

local function add_history(first)
    histories[#histories + 1] = { replid = replid, first = first }
    local texts = {}
    for i = math.max(1, #histories - HISTORIES_MAX + 1), #histories do
        local history = histories[i]
        texts[#texts + 1] = history.replid .. ':' .. history.first.text .. ':' ..
            (history.last and history.last.text or '')
    end
    local kept = redis.pcall('HSET', FLOORS, LINEAGE, table.concat(texts, ' '), HISTORY, replid)
    if type(kept) == 'number' then -- else the next probe finds that it has not begun
        redis.call('PUBLISH', ARGV[5], first.text .. ' ' .. replid)
    end
end

local function answer(name)
    local certain = log_start_of(log_start, start)
    local seen, history = see_through(last, histories, certain)
    local has_missed = high_water and seen.text ~= see_through(high_water, histories, certain).text
    return { last.text, log_start or '', name, has_missed and 1 or 0,
        seen.text, name ~= '' and history.replid or '' }
end

-- An empty Redis: from now on, a mark that is missing was evicted. The log starts at `floor`.
if not last then
    mark_indexes(TOPICS, RECENT, FLOORS, MARK_LOG, '0-0')
end

local is_lost = has_lost()
local current = histories[#histories]
local is_new = replid ~= '' and not (current and current.replid == replid)
local first = id_of('0-0') -- of the first history that the lineage knows

-- While Redis refuses writes (NOREPLICAS, MISCONF), no history can begin, but the log can be read.
-- The node joins without one, keeps what it knows, and joins again when a probe succeeds. Until
-- then Redis refuses publishes, too. (It does not refuse for want of memory after the DEL.)
if is_new and current and not is_lost and not (newest and is_less(last, newest)) then
    local kept = redis.pcall('SET', ID, last.text)
    if type(kept) == 'table' and kept.err then
        local unnamed = answer('')
        unnamed[5], unnamed[6] = ARGV[3] ~= '' and ARGV[3] or last.text, tail_replid
        return unnamed
    end
end
if is_new and current then
    current.last = last
end
if is_lost or (is_new and current) or (newest and is_less(last, newest)) then
    local is_last_highest = last and (not newest or is_less(newest, last))
    last = fence_id(is_last_highest and last or newest)
    first = (is_lost or current) and last or first
    redis.call('SET', ID, last.text)
    if is_lost then
        log_start = last.text
        redis.call('SET', FLOOR, log_start)
        redis.call('PUBLISH', ARGV[5], log_start .. ' ' .. replid .. ' lost')
    end
end
if is_new then
    add_history(first)
end

return answer(replid)
