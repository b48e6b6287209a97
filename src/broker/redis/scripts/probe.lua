-- Asks once a second whether all is well: do messages come through, are writes taken, and are the
-- ids still there?
-- KEYS  1 id  2 floor
-- ARGV  1 the node's own channel  2 the text to send there
-- Answers both, '' where there is none. A Redis that takes no publishes (a replica, no memory, no
-- disk) refuses the write here, too, which changes nothing; the message went out before.
local last = redis.call('GET', KEYS[1])
redis.call('PUBLISH', ARGV[1], ARGV[2])
if last then
    redis.call('SET', KEYS[1], last)
end
return { last or '', redis.call('GET', KEYS[2]) or '' }
