-- Keeps revoked tokens (hub/revoked.h). Nothing else writes these keys.
-- KEYS  1 revoked: name -> the number of its last change  2 revoked:ends: name -> when it ends, in ms
--       3 revoked:before: name of a sub -> tokens issued before, in ms; '' -> the last number
-- ARGV  1 how many entries there may be  2.. three for each entry: its name ("j:" and a jti, or "s:"
--       and a sub), before (0 for a jti), end
-- Answers 1; 0 if there was no room for an entry: it and those behind it are not kept.
--
-- The numbers grow with each change, also beyond those that an older Redis has given, because they
-- are at least the time in us. So a node reads only what changed since its last number
-- (revoked.lua). An entry that is there and would not change keeps its number. Of two entries of
-- one name the later times count, so that nodes may write back what Redis has lost, in any order.
local REVOKED, ENDS, BEFORE = unpack(KEYS)
local REMOVED_MAX = 100
local max = tonumber(ARGV[1])
local now, us = read_clock()
local last = tonumber(redis.call('HMGET', BEFORE, '')[1] or '0')

local function keep(name, before, ends)
    local old_ends = tonumber(redis.call('ZSCORE', ENDS, name) or '')
    local old_before = tonumber(redis.call('HMGET', BEFORE, name)[1] or '0')
    if not old_ends and redis.call('ZCOUNT', ENDS, '-inf', '+inf') >= max then
        return false
    end
    if old_ends and ends <= old_ends and before <= old_before and
        redis.call('ZSCORE', REVOKED, name) then
        return true
    end
    last = math.max(last + 1, us)
    redis.call('ZADD', ENDS, digits(math.max(ends, old_ends or 0)), name)
    if before > old_before then
        redis.call('HSET', BEFORE, name, digits(before))
    end
    redis.call('ZADD', REVOKED, digits(last), name)
    redis.call('HSET', BEFORE, '', digits(last))
    return true
end

for _, name in ipairs(redis.call('ZRANGEBYSCORE', ENDS, '-inf', digits(now), 'LIMIT', 0, REMOVED_MAX)) do
    redis.call('ZREM', ENDS, name)
    redis.call('ZREM', REVOKED, name)
    redis.call('HDEL', BEFORE, name)
end
for i = 2, #ARGV, 3 do
    if not keep(ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])) then
        return 0
    end
end
return 1
