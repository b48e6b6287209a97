-- Makes sure that ids only ever grow, for a node whose feed has just been joined.
-- KEYS  1 id  2 floor
-- ARGV  1 the node's mark: the highest id that its feed has brought  2 the highest id that it knows,
--       be it from there or from the answer to a publish ('': none, of both)
-- Answers {last id, 1 if it had to be raised above what the node knows, 1 if messages after the mark
-- may be lost}. Redis came back empty or older where the last id is absent or below that; what any
-- node published since its mark is lost then too, so the floor becomes the present.
if redis.replicate_commands then
    redis.replicate_commands()
end

local ID, FLOOR = unpack(KEYS)
local mark, newest = ARGV[1], ARGV[2]

-- Other nodes may have seen ids above those that this one knows, and this clock may be behind the
-- one that gave them.
local FENCE_AHEAD_MS = 1000

local function is_less(a, b)
    local a_ms, a_seq = string.match(a, '^(%d+)-(%d+)$')
    local b_ms, b_seq = string.match(b, '^(%d+)-(%d+)$')
    a_ms, b_ms = tonumber(a_ms), tonumber(b_ms)
    return a_ms < b_ms or (a_ms == b_ms and tonumber(a_seq) < tonumber(b_seq))
end

-- By the clock alone, with the time in us as seq: so each is above the one before it and what followed
-- that, however often Redis forgets and whatever the node that asks then knows. Where the clock is
-- behind what it knows, it goes on from that.
local function present()
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local function id_at(ms)
        return string.format('%.0f-%.0f', ms, time[1] * 1000000 + time[2])
    end
    if newest == '' then
        return id_at(now)
    end
    local id = id_at(now + FENCE_AHEAD_MS)
    return is_less(newest, id) and id or id_at(tonumber(string.match(newest, '^%d+')) + FENCE_AHEAD_MS)
end

-- A replica takes no writes: ask now, not with the first publish. Deletes nothing.
local refused = redis.pcall('DEL', ID .. ':none')
if type(refused) == 'table' and refused.err and string.find(refused.err, 'READONLY', 1, true) then
    return redis.error_reply('READONLY this Redis is a replica')
end

local last = redis.call('GET', ID)
if not last or (newest ~= '' and is_less(last, newest)) then
    local id = present()
    redis.call('SET', FLOOR, id)
    redis.call('SET', ID, id)
    return { id, 1, mark ~= '' and 1 or 0 }
end
local floor = redis.call('GET', FLOOR)
local lost = mark ~= '' and floor and is_less(mark, floor)
return { last, 0, lost and 1 or 0 }
