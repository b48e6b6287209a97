-- needs lineage.lua
-- Answers questions about the log. Writes nothing. A question is of one of six kinds:
--   p  a page: the entries of some topics, in id order over all of them
--   i  ids: those of their newest entries, newest first
--   n  names: the topics that a pattern may match (redis_plan.c reads these with questions of the other
--      kinds)
--   l  latest: the id of the newest entry of each topic
--   e  exact: a page of one entry of each topic, whose ids are given
--   s  states: the id of the newest entry of each topic, expired or not, and the length of its log
-- KEYS  1 id  2 floor  3 topics  4 recent  5 floors  6 ends  7.. the logs of the topics of each question
-- ARGV  1 the beginning of the keys of logs  2 default ttl in s (0: forever)  3 '1': there is a log
--       4 entries and 5 bytes after which no further question is answered  6.. the questions. Each is a
--       text of words with spaces between them:
--         the kind; how many topics; the point (an id); the id from which entries are read; the snapshot
--         end: read up to this id ('-': the last id); since in ms (0: none; < 0: that long ago); newest
--         (0: all); entries per page; bytes per page
--       Four more arguments follow a question for names: how many topics the node wants ('': ask for
--       all); the pattern; the index that is walked ('': not chosen yet); the position of the walk ('': its
--       beginning). One more argument follows a question for exact entries: their ids in increasing order,
--       a space after each
-- Answers, for each question, {snapshot end, since, after, more, complete, {topics with gaps, if
-- those are all that is missing}, {topics whose log is gone}, {...}}. `after` is the point for the next
-- page; if there are no topics, it is the log start of all topics. complete: 1; or 0 because of these
-- topics alone; or -1 because of the point, whatever the topics. The last element is
--   of a page   id, topic, message, origin ('': none) behind the author ('': none), id, ...
--   of ids      id, id, ...; `more`: there are older ones
--   of latest   id, number of its topic in the question, id, ...
--   of states   id ('': none), length, id, ... of the first topics only, if their entries are large
--   of names    the index, where the walk goes on, name, name, ...
-- A 0 in place of an answer: ask again, because the script has done enough.
--
-- The log of each topic is a Redis stream of its own. A heap, ordered by the next entry of each log,
-- merges them:
--
--     heap           next entries                page
--     17-0 of a      log a: 17-0 21-0            17-0 a
--     18-0 of b      log b: 18-0 19-0 20-0       18-0 b  19-0 b  20-0 b
--     22-0 of c      log c: 22-0                 21-0 a  22-0 c
--
-- The script must not block Redis for long, nor hold much memory. So it fetches entries in small
-- chunks, and one by one while they are large. It does not keep a large entry but reads it again
-- when its turn comes. And after passing over SCAN unwanted entries it ends the page early: it sets
-- `more`, and the next page continues from `after`.
--
-- A page is complete if the point is an id that was issued and is in the lineage, not below the log
-- start (`floor`, which moves when Redis loses messages; START in `floors`, which moves when Redis
-- evicts an index), and not older than the default ttl. In addition, for no topic that was read may
-- the point be
--   - below its log start (`floors`): MAX_CACHE_LENGTH removed entries, or the log was gone once,
--   - at or below the last id (`recent`) of a log that is gone now,
--   - below an entry that expired by the default ttl (this happens only after the clock was set).
-- An entry that expired by a shorter ttl of its own is not missing. If that was true of all entries
-- of a log, the log is gone at the time in `ends`.
local ID, FLOOR, TOPICS, RECENT, FLOORS, ENDS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local LOG, default_ttl, has_log = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1'

local CHUNK = 32 -- entries fetched at once from a log whose entries are small
local SMALL = 1024 -- bytes of an entry; larger ones are not kept in memory
local SCAN = 20000 -- entries passed over (expired, too old) before the page ends early
local NAMES = 1000 -- names in an answer,
local TIED = 4000 -- and how many more of topics with the same last ms
local CLOCK_AHEAD = 60000 -- ms by which a client's timestamp may be ahead of its message's id

local now = read_clock()

-- The question that is being answered.
local after_point, since, newest, max_entries, max_bytes
local missing -- its topics of which entries may be missing

-- What all questions together have cost.
local read_entries, read_bytes, passed_over = 0, 0, 0

-- The names --------------------------------------------------------------------------------------

-- Returns the longest text that begins all topics which the pattern matches.
local function fixed_prefix(pattern)
    local prefix, wildcard = string.match(pattern, '^(.-)(/?[+#])')
    return wildcard == '/+' and prefix .. '/' or prefix
end

-- Walks the topics with the fixed prefix. Returns whether there are more.
local function walk_topics(names, prefix, from)
    local low = from == '' and '[' .. prefix or '(' .. from
    local found = redis.call('ZRANGEBYLEX', TOPICS, low, '[' .. prefix .. '\255', 'LIMIT', 0, NAMES)
    for _, topic in ipairs(found) do
        names[#names + 1] = topic
    end
    return found[#found] or from, #found == NAMES and 1 or 0
end

-- Walks the topics published to since a time, up to that time of the last one. All topics with the
-- same time are in one answer: while the walk pauses, any of them may move to a later time, so a count
-- of them would not tell which ones come next. Returns nil if they are too many.
local function walk_recent(names, low)
    local found = redis.call('ZRANGEBYSCORE', RECENT, low, '+inf', 'WITHSCORES', 'LIMIT', 0, NAMES)
    local time = #found == 2 * NAMES and found[#found] or nil
    for i = 1, #found, 2 do
        if found[i + 1] ~= time then
            names[#names + 1] = found[i]
        end
    end
    local tied = time and redis.call('ZRANGEBYSCORE', RECENT, time, time, 'LIMIT', 0, TIED + 1) or {}
    for _, topic in ipairs(tied) do
        names[#names + 1] = topic
    end
    if #tied <= TIED then
        return time or '', time and 1 or 0
    end
end

-- Returns what is less to read: the topics that the node wants ('own'), those with the fixed prefix
-- ('topics'), or those published to since the point ('recent').
local function choose_index(low, own, prefix)
    local count = redis.call('ZCOUNT', RECENT, low, '+inf')
    if own then
        return own <= count and 'own' or 'recent'
    end
    local known = redis.call('ZLEXCOUNT', TOPICS, '[' .. prefix, '[' .. prefix .. '\255')
    return known <= count and 'topics' or 'recent'
end

-- Returns the index, where its walk goes on, and the names; and 1 if there are more.
local function names_of(from_id, own, pattern, index, from)
    local low, prefix = digits(from_id.ms), fixed_prefix(pattern)
    local names, more = { index, from }, 0
    if not has_log then
        return names, more
    end
    if index == '' then
        names[1] = choose_index(low, own, prefix)
    end
    if names[1] == 'recent' then
        names[2], more = walk_recent(names, from == '' and low or '(' .. from)
        if not names[2] then -- begin with another index
            names, more = own and { 'own', '' } or { 'topics', '' }, own and 0 or 1
        end
    elseif names[1] == 'topics' then
        names[2], more = walk_topics(names, prefix, from)
    end
    return names, more
end

-- Their entries, merged --------------------------------------------------------------------------

local function fields_of(node)
    local field = {}
    for i = 1, #node.fields, 2 do
        field[node.fields[i]] = node.fields[i + 1]
    end
    return field
end

-- Reports whether an entry is neither expired nor too old. If it expired by the default ttl, it is
-- missing, and its topic is added to `missing`.
local function is_wanted(log, node)
    if node.is_wanted == nil then
        local field = fields_of(node)
        local expiry = tonumber(field.expiry or '') or math.huge
        local is_in_time = since == 0 or tonumber(field.timestamp or node.ms) >= since
        node.is_wanted = is_in_time and expiry > now
        if is_in_time and expiry <= now and default_ttl > 0 then
            local life = expiry - tonumber(field.clock or node.ms)
            missing[log.topic] = missing[log.topic] or life >= default_ttl * 1000
        end
    end
    return node.is_wanted
end

-- Returns the bytes of an entry.
local function size_of(fields)
    local size = 0
    for i = 2, #fields, 2 do
        size = size + #fields[i]
    end
    return size
end

-- Makes an entry for the merge. Most entries are only compared, so it prepares only that. Of a
-- large entry it keeps only whether it is wanted.
local function node_of(log, entry)
    local node = id_of(entry[1])
    node.fields, node.size = entry[2], size_of(entry[2])
    if node.size > SMALL then
        is_wanted(log, node)
        node.fields = nil
    end
    return node
end

local forward = {
    is_first = is_less,
    range = 'XRANGE',
    beyond = function(id)
        return digits(id.ms) .. '-' .. digits(id.seq + 1)
    end,
}
local backward = {
    is_first = function(a, b)
        return is_less(b, a)
    end,
    range = 'XREVRANGE',
    beyond = function(id)
        if id.seq == 0 then
            return digits(id.ms - 1) -- its highest seq
        end
        return digits(id.ms) .. '-' .. digits(id.seq - 1)
    end,
}

local function sift_up(heap, is_first)
    local i = #heap
    while i > 1 do
        local parent = math.floor(i / 2)
        if not is_first(heap[i].head, heap[parent].head) then
            return
        end
        heap[i], heap[parent] = heap[parent], heap[i]
        i = parent
    end
end

local function sift_down(heap, is_first)
    local i, n = 1, #heap
    while 2 * i <= n do
        local child = 2 * i
        if child < n and is_first(heap[child + 1].head, heap[child].head) then
            child = child + 1
        end
        if not is_first(heap[child].head, heap[i].head) then
            return
        end
        heap[i], heap[child] = heap[child], heap[i]
        i = child
    end
end

-- Makes the next entry of a log its head. Fetches two entries at first, because most logs have no
-- more, and one by one while they are large.
local function advance(log, way, first, last)
    if log.at == #log.nodes then
        if log.is_done then
            log.head = nil
            return
        end
        local count = not log.head and 2 or log.head.size <= SMALL and CHUNK or 1
        local from = log.head and way.beyond(log.head) or first
        local entries = redis.call(way.range, log.key, from, last, 'COUNT', count)
        log.at, log.nodes, log.is_done = 0, {}, #entries < count
        for i, entry in ipairs(entries) do
            log.nodes[i] = node_of(log, entry)
        end
    end
    log.at = log.at + 1
    log.head = log.nodes[log.at]
end

local function is_indexed(topic)
    return redis.call('ZSCORE', RECENT, topic) or redis.call('ZSCORE', TOPICS, topic)
end

-- Returns an iterator over (entry, log) from id `first` to id `last`, both included, in either
-- direction. Adds topics whose log is gone to `gone`.
local function merge(topics, way, first, last, gone)
    local heap, current = {}, nil
    for _, topic in ipairs(topics) do
        local log = { topic = topic, key = LOG .. topic, nodes = {}, at = 0 }
        advance(log, way, first, last)
        if log.head then
            heap[#heap + 1] = log
            sift_up(heap, way.is_first)
        elseif gone and redis.call('EXISTS', log.key) == 0 and is_indexed(topic) then
            gone[#gone + 1] = topic
        end
    end
    return function()
        if current then
            advance(current, way, first, last)
            if not current.head then
                heap[1] = heap[#heap]
                heap[#heap] = nil
            end
            sift_down(heap, way.is_first)
        end
        current = heap[1]
        if current then
            return current.head, current
        end
    end
end

-- Returns the message of an entry, and its origin, a JSON string, behind its author.
local function text_of(log, node)
    if not node.fields then
        node.fields = redis.call('XRANGE', log.key, node.text, node.text)[1][2]
    end
    local field = fields_of(node)
    return field.message or '""', (field.author or '') .. (field.origin or '')
end

-- The page ---------------------------------------------------------------------------------------

-- Returns the ids of the newest entries, newest first, and whether no older entry was left out.
local function newest_ids(topics, from, snapshot_end, gone)
    local ids, passed = {}, 0
    for node, log in merge(topics, backward, snapshot_end, from, gone) do
        passed_over = passed_over + 1
        if not is_wanted(log, node) then
            passed = passed + 1
        elseif #ids == newest then
            return ids, false
        else
            ids[#ids + 1] = node.text
        end
        if passed == SCAN then
            return ids, false
        end
    end
    return ids, true
end

local function read_page(topics, from, snapshot_end, gone)
    local entries, n, bytes, passed, after = {}, 0, 0, 0, after_point
    for node, log in merge(topics, forward, from, snapshot_end, gone) do
        local is_full = n == max_entries or bytes >= max_bytes
        if passed == SCAN or (is_wanted(log, node) and is_full) then
            return entries, after, 1
        end
        after = node.text
        if is_wanted(log, node) then
            local message, origin = text_of(log, node)
            for _, value in ipairs({ node.text, log.topic, message, origin }) do
                entries[#entries + 1] = value
            end
            n, bytes = n + 1, bytes + #message + #origin
            read_entries, read_bytes = read_entries + 1, read_bytes + #message + #origin
        else
            passed, passed_over = passed + 1, passed_over + 1
        end
    end
    return entries, after, 0
end

-- Adds topics to `missing` whose log start is above the point: MAX_CACHE_LENGTH removed entries, or
-- the log was gone when the next entry came.
local function find_trimmed(topics, point)
    for first = 1, #topics, 1000 do
        local last = math.min(first + 999, #topics)
        for i, removed in ipairs(redis.call('HMGET', FLOORS, unpack(topics, first, last))) do
            if removed and is_less(point, id_of(removed)) then
                missing[topics[first + i - 1]] = true
            end
        end
    end
end

-- Adds topics to `missing` whose log is gone although it had entries after the point, unless these
-- expired by their own ttls. Of the last id only the ms is known.
local function find_lost(gone, point)
    for _, topic in ipairs(gone) do
        local last_ms = tonumber(redis.call('ZSCORE', RECENT, topic) or '')
        if last_ms and is_less(point, { ms = last_ms, seq = math.huge }) then
            local ends = tonumber(redis.call('ZSCORE', ENDS, topic) or '')
            missing[topic] = missing[topic] or not (ends and ends >= last_ms and ends <= now)
        end
    end
end

local function missing_topics()
    local topics = {}
    for topic, is_missing in pairs(missing) do
        if is_missing then
            topics[#topics + 1] = topic
        end
    end
    table.sort(topics)
    return topics
end

local floor = redis.call('GET', FLOOR)
local start_id, ended, lineage = unpack(redis.call('HMGET', FLOORS, START, ENDED, LINEAGE))
local histories = read_lineage(lineage)

local function seen_through(id)
    return (see_through(id, histories, log_start_of(floor, start_id)))
end

local marked -- not known yet
local function has_marks()
    if marked == nil then
        marked = start_id and redis.call('ZSCORE', TOPICS, MARK) and redis.call('ZSCORE', RECENT, MARK)
    end
    return marked
end

-- Reports whether the point is at or above the log start of all topics together. While the mark of
-- an index is missing (probe.lua), no point is.
local function is_after_start(point)
    if not floor or not has_marks() then
        return false
    end
    local ended_ms, ended_last_ms = read_id(ended or '0-0')
    if now < ended_ms and is_less(point, { ms = ended_last_ms, seq = math.huge }) then
        return false -- the clock was ahead when that log ended
    end
    return not is_less(point, id_of(floor)) and not is_less(point, id_of(start_id or '0-0'))
end

-- Reports whether the point is an id of a history that this one continues. If it lies between two
-- histories, it is of a message that was lost. A time is not an id.
local function is_in_lineage(point)
    local history = histories[history_of(point, histories)]
    return not history or not point.text
        or not (is_less(point, history.first) or (history.last and is_less(history.last, point)))
end

local last = redis.call('GET', ID)

-- Reports whether the log, of all topics together, reaches back to the point. If nothing was
-- published after the point, nothing can be missing.
local function is_held(point, has_news)
    if not has_log or not last then
        return false
    end
    local first_ms = point.seq == math.huge and point.ms + 1 or point.ms -- of the ids after it
    if has_news then
        local is_young = default_ttl == 0 or first_ms >= now - default_ttl * 1000
        return is_young and is_after_start(point) and is_in_lineage(point)
    end
    return not is_less(seen_through(id_of(last)), seen_through(point))
        or (since ~= 0 and first_ms <= now)
end

-- Reports whether all entries that may be the latest of a topic are in the log: Redis has evicted no
-- index since they were published, and lost no message in a failover. Older ones have expired. A log
-- that began empty has lost nothing.
local function holds_latest()
    if not has_log or not last or not floor or not has_marks() then
        return false
    end
    local oldest = { ms = 0, seq = 0 }
    if default_ttl > 0 then
        oldest = { ms = math.max(0, now - default_ttl * 1000), seq = math.huge }
    end
    local began = histories[1] and histories[1].first.text
    return not is_less(oldest, id_of(start_id or '0-0'))
        and (floor == began or not is_less(oldest, id_of(floor))), oldest
end

-- Reports whether all messages of the topic were purged, and none came since.
local function is_purged(log)
    return redis.call('XLEN', log.key) == 0 and redis.call('EXISTS', log.key) == 1
end

-- Returns the newest entry that is wanted from id `first` to id `last`, and how many were passed over.
local function latest_of(log, first, last_id, budget)
    for passed = 0, budget do
        local entry = redis.call('XREVRANGE', log.key, last_id, first, 'COUNT', 1)[1]
        local node = entry and node_of(log, entry)
        if not node or is_wanted(log, node) then
            return node, passed
        end
        last_id = backward.beyond(node)
    end
    return nil, budget + 1
end

local function answer_latest(topics, from, snapshot_end)
    local found, gone, purged, passed = {}, {}, {}, 0
    local is_held_all, oldest = holds_latest()
    for i, topic in ipairs(has_log and topics or {}) do
        local log = { topic = topic, key = LOG .. topic }
        local node, n = latest_of(log, from, snapshot_end, SCAN - passed)
        passed = passed + n
        if node then
            found[#found + 1] = node.text
            found[#found + 1] = i
        elseif is_purged(log) then
            purged[#purged + 1] = topic
        elseif redis.call('EXISTS', log.key) == 0 and is_indexed(topic) then
            gone[#gone + 1] = topic
        end
        if passed > SCAN then
            is_held_all = false
            break
        end
    end
    passed_over = passed_over + passed
    missing = {} -- what has expired is not missing
    if is_held_all then
        find_lost(gone, oldest)
        find_trimmed(purged, oldest)
    end
    local gaps = missing_topics()
    return { snapshot_end, '0', after_point, 0, is_held_all and (#gaps == 0 and 1 or 0) or -1,
        #gaps <= GAPS_MAX and gaps or {}, { unpack(gone, 1, GONE_MAX) }, found }
end

-- Reads the entries with these ids. An entry that is gone has expired, or the log was trimmed, and then
-- it has a newer one. Or it was purged, and is missing.
local function answer_exact(topics, ids, snapshot_end)
    local entries, n, bytes, after, i = {}, 0, 0, after_point, 0
    local purged = {}
    local function result(more)
        return { snapshot_end, '0', after, more, #purged == 0 and 1 or 0,
            #purged <= GAPS_MAX and purged or {}, {}, entries }
    end
    for id in string.gmatch(ids, '%S+') do
        i = i + 1
        if n == max_entries or bytes >= max_bytes then
            return result(1)
        end
        local log = { topic = topics[i], key = LOG .. topics[i] }
        local entry = redis.call('XRANGE', log.key, id, id)[1]
        local node = entry and node_of(log, entry)
        if node and is_wanted(log, node) then
            local message, origin = text_of(log, node)
            for _, value in ipairs({ id, log.topic, message, origin }) do
                entries[#entries + 1] = value
            end
            n, bytes = n + 1, bytes + #message + #origin
            read_entries, read_bytes = read_entries + 1, read_bytes + #message + #origin
        elseif not node and is_purged(log) then
            purged[#purged + 1] = log.topic
        end
        after = id
    end
    return result(0)
end

local function is_wrong_type(text)
    return string.find(text, 'WRONGTYPE', 1, true)
end

-- Returns the newest entry of a log, or nil if the log is empty or the key is not a stream.
local function last_entry(key)
    local found = redis.pcall('XREVRANGE', key, '+', '-', 'COUNT', 1)
    if found.err and not is_wrong_type(found.err) then
        error(found.err, 0)
    end
    return found[1]
end

-- Redis has no command for the id of an entry without its text.
local function answer_states(topics, snapshot_end)
    local states, bytes = {}, 0
    for _, topic in ipairs(topics) do
        local key = LOG .. topic
        local entry = has_log and last_entry(key)
        states[#states + 1] = entry and entry[1] or ''
        states[#states + 1] = entry and redis.call('XLEN', key) or 0
        bytes = bytes + (entry and size_of(entry[2]) or 0)
        if bytes >= max_bytes then
            break
        end
    end
    return { snapshot_end, '0', after_point, 0, 1, {}, {}, states }
end

-- Answers the question. `walk`: what follows a question for names, or for exact entries.
local function answer(kind, topics, point, from, snapshot_end, walk)
    if kind == 'l' then
        return answer_latest(topics, from.text, snapshot_end)
    elseif kind == 'e' then
        return answer_exact(topics, walk, snapshot_end)
    elseif kind == 's' then
        return answer_states(topics, snapshot_end)
    end
    if since ~= 0 then
        since = since < 0 and math.max(1, now + since) or since
        local moment = { ms = since - 1, seq = math.huge } -- just before the first id of that ms
        point = is_less(point, moment) and moment or point
        local earliest = id_of(digits(math.max(0, since - CLOCK_AHEAD)) .. '-0')
        from = is_less(from, earliest) and earliest or from
    end

    local has_news = last and is_less(seen_through(point), seen_through(id_of(last)))
    local is_reached = is_held(point, has_news)
    local is_held_there = is_reached and 1 or -1
    if kind == 'n' then
        local names, more = names_of(from, unpack(walk))
        return { snapshot_end, digits(since), after_point, more, is_held_there, {}, {}, names }
    end

    if #topics == 0 then
        local log_start = log_start_of(floor, start_id).text or '0-0'
        return { snapshot_end, digits(since), log_start, 0, is_held_there, {}, {}, {} }
    end

    local may_miss = is_reached and has_news
    local start, gone, ids, is_whole = from.text, {}, nil, true
    topics = has_log and topics or {}
    if may_miss then
        find_trimmed(topics, point)
    end
    if newest > 0 then
        ids, is_whole = newest_ids(topics, start, snapshot_end, gone)
        start = ids[#ids]
    end
    local entries, after, more = ids, after_point, is_whole and 0 or 1
    if kind == 'p' then
        is_reached = is_reached and is_whole
        entries, after, more = read_page(start and topics or {}, start or snapshot_end, snapshot_end,
            newest == 0 and gone)
        -- After the clock stepped back, an entry beyond this page may have expired before those on it.
        local ahead = more == 1 and default_ttl > 0 and redis.call('HMGET', FLOORS, AHEAD)[1]
        is_reached = is_reached and not (ahead and is_less(point, id_of(ahead)))
    end
    if may_miss then
        find_lost(gone, point)
    end

    local gaps = is_reached and missing_topics() or {}
    local complete = (is_reached and #gaps == 0 or is_held_there < 0) and is_held_there or 0
    return { snapshot_end, digits(since), after, more, complete,
        #gaps <= GAPS_MAX and gaps or {}, { unpack(gone, 1, GONE_MAX) }, entries }
end

-- The questions ----------------------------------------------------------------------------------

local WORDS = '^(%a) (%d+) (%S+) (%S+) (%S+) (%S+) (%d+) (%d+) (%d+)$'
local enough_entries, enough_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local answers, key, at = {}, 7, 6
while at <= #ARGV do
    local kind, n_topics, point, from, snapshot_end, since_text, n_newest, entries, bytes =
        string.match(ARGV[at], WORDS)
    local topics, walk = {}, nil
    for i = 1, tonumber(n_topics) do
        topics[i] = string.sub(KEYS[key], #LOG + 1)
        key = key + 1
    end
    if kind == 'n' then
        walk = { tonumber(ARGV[at + 1]) or false, ARGV[at + 2], ARGV[at + 3], ARGV[at + 4] }
        at = at + 4
    elseif kind == 'e' then
        walk = ARGV[at + 1]
        at = at + 1
    end
    at = at + 1
    after_point, missing, since, newest = point, {}, tonumber(since_text), tonumber(n_newest)
    max_entries, max_bytes = tonumber(entries), tonumber(bytes)
    if #answers > 0 and (read_entries >= enough_entries or read_bytes >= enough_bytes
            or passed_over >= SCAN) then
        answers[#answers + 1] = 0
    else
        if #answers > 0 then
            max_entries = math.min(max_entries, enough_entries - read_entries)
            max_bytes = math.min(max_bytes, enough_bytes - read_bytes)
        end
        snapshot_end = snapshot_end ~= '-' and snapshot_end or last or '0-0'
        local ok, page = pcall(answer, kind, topics, id_of(point), id_of(from), snapshot_end, walk)
        if not ok then -- a log that is no stream concerns only its own question
            local text = type(page) == 'table' and page.err or tostring(page)
            if not is_wrong_type(text) then
                error(page, 0)
            end
            page = { err = text }
        end
        answers[#answers + 1] = page
    end
end
return answers
