-- Checks once a second that messages come through, that Redis accepts writes, and that it still
-- knows the last id.
-- KEYS  1 id  2 floor
-- ARGV  1 the node's own channel  2 the text to send there
-- Answers {id, floor}, each '' if there is none. The SET changes nothing, but a Redis that takes no
-- publishes (a replica, no memory, no disk) refuses it, too. The message is sent before that.
local last = redis.call('GET', KEYS[1])
redis.call('PUBLISH', ARGV[1], ARGV[2])
if last then
    redis.call('SET', KEYS[1], last)
end
return { last or '', redis.call('GET', KEYS[2]) or '' }
