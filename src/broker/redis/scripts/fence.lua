-- Makes sure, when a feed joins, that Redis issues only ids above every id that the node knows.
-- KEYS  1 id  2 floor
-- ARGV  1 the highest id that the node knows, from its feed or from the answer to a publish
--       ('': none)
-- Answers {last id, floor ('': none)}. If the last id is absent or below what the node knows, Redis
-- was emptied or has gone back in time. The script then makes a new id above all known ones.
-- Messages that any node published since its high-water mark may be lost, too, so the log now
-- starts at the new id: `floor` is set to it.
if redis.replicate_commands then
    redis.replicate_commands()
end

local ID, FLOOR = unpack(KEYS)
local newest = ARGV[1]

-- Redis may have issued ids that only other nodes have seen, by a clock that was ahead of this one.
-- The new id is this far in the future, to be above those as well.
local FENCE_AHEAD_MS = 1000 -- as in publish.lua

local function is_less(a, b)
    local a_ms, a_seq = string.match(a, '^(%d+)-(%d+)$')
    local b_ms, b_seq = string.match(b, '^(%d+)-(%d+)$')
    a_ms, b_ms = tonumber(a_ms), tonumber(b_ms)
    return a_ms < b_ms or (a_ms == b_ms and tonumber(a_seq) < tonumber(b_seq))
end

-- Makes the id from the clock alone, with the time in microseconds as its seq. So each such id is
-- above the one before it and above the ids that followed that one, however often Redis forgets and
-- whichever node asks. If the clock is behind what the node knows, the id is ahead of that instead.
local function fence_id()
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local function id_at(ms)
        return string.format('%.0f-%.0f', ms, time[1] * 1000000 + time[2])
    end
    if newest == '' then
        return id_at(now)
    end
    local id = id_at(now + FENCE_AHEAD_MS)
    if is_less(newest, id) then
        return id
    end
    return id_at(tonumber(string.match(newest, '^%d+')) + FENCE_AHEAD_MS)
end

-- A replica refuses writes. Find out now rather than with the first publish: this deletes nothing.
local refused = redis.pcall('DEL', ID .. ':none')
if type(refused) == 'table' and refused.err and string.find(refused.err, 'READONLY', 1, true) then
    return redis.error_reply('READONLY this Redis is a replica')
end

local last = redis.call('GET', ID)
if not last or (newest ~= '' and is_less(last, newest)) then
    local id = fence_id()
    redis.call('SET', FLOOR, id)
    redis.call('SET', ID, id)
    return { id, id }
end
return { last, redis.call('GET', FLOOR) or '' }
