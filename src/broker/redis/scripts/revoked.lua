-- Reads the tokens that were revoked after a change that the node knows (revoke.lua). Writes nothing.
-- KEYS  as in revoke.lua
-- ARGV  1 the number of the last change that the node knows; 0: all of them
-- Answers {the last number, the number for the next page ('': this is the last one), name, before,
-- end, name, ...}. Entries that have ended may be among them.
local REVOKED, ENDS, BEFORE = unpack(KEYS)
local last = redis.call('HMGET', BEFORE, '')[1] or '0'
local rows = redis.call('ZRANGEBYSCORE', REVOKED, '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0,
    REVOKED_PAGE)
local answer = { last, '' }
for i = 1, #rows, 2 do
    local ends = redis.call('ZSCORE', ENDS, rows[i])
    if ends then
        answer[#answer + 1] = rows[i]
        answer[#answer + 1] = redis.call('HMGET', BEFORE, rows[i])[1] or '0'
        answer[#answer + 1] = digits(tonumber(ends))
    end
end
if #rows == 2 * REVOKED_PAGE then
    answer[2] = digits(tonumber(rows[#rows]))
end
return answer
