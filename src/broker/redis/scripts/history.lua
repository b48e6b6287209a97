-- needs lineage.lua
-- Answers questions about the log, each with one page, in id order over all topics of its filter.
-- Writes nothing.
-- KEYS  1 id  2 floor  3 topics  4 recent  5 floors  6 ends  7.. the log of each question for a topic
-- ARGV  1 the beginning of the keys of logs  2 default ttl in s (0: forever)  3 the most topics to
--       read for a pattern  4 '1': there is a log  5 entries and 6 bytes after which no further
--       question is answered  7.. the questions. Each is a text of numbers with spaces between them,
--       and for a pattern the pattern and its fixed prefix follow:
--         the point (an id): read entries after it; the id that follows the point; the snapshot end:
--         read up to this id ('-': the last id); since in ms (0: none; < 0: that long ago); newest
--         (0: all); entries per page; bytes per page; 1 if it is a pattern, else 0
-- Answers, for each question, {snapshot end, since, after, more, complete, {topics with gaps, if
-- those are all that is missing}, {topics whose log is gone}, {id, topic, message, origin ('': none),
-- id, ...}}. `after` is the point for the next page. A 0 in place of that: ask again, because the
-- script has done enough.
--
-- A filter may match thousands of topics, and the log of each is a Redis stream of its own. A heap,
-- ordered by the next entry of each log, merges them:
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
-- The page is complete if all topics were read and the point is an id that was issued and is in the
-- lineage, not below the log start (`floor`, which moves when Redis loses messages; START in `floors`,
-- which moves when Redis evicts an index), and not older than the default ttl. In addition, for no
-- topic that was read may the point be
--   - below its log start (`floors`): MAX_CACHE_LENGTH removed entries, or the log was gone once,
--   - at or below the last id (`recent`) of a log that is gone now,
--   - below an entry that expired by the default ttl (this happens only after the clock was set).
-- An entry that expired by a shorter ttl of its own is not missing. If that was true of all entries
-- of a log, the log is gone at the time in `ends`.
local ID, FLOOR, TOPICS, RECENT, FLOORS, ENDS = unpack(KEYS)
local LOG, default_ttl, max_topics = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local has_log = ARGV[4] == '1'

local CHUNK = 32 -- entries fetched at once from a log whose entries are small
local SMALL = 1024 -- bytes of an entry; larger ones are not kept in memory
local SCAN = 20000 -- entries passed over (expired, too old) before the page ends early
local CLOCK_AHEAD = 60000 -- ms by which a client's timestamp may be ahead of its message's id

local now = read_clock()

-- The question that is being answered.
local filter, prefix, after_point, since, newest, max_entries, max_bytes
local missing -- its topics of which entries may be missing

-- What all questions together have cost.
local read_entries, read_bytes, passed_over = 0, 0, 0

-- The topics -------------------------------------------------------------------------------------

-- Returns the filter as a Lua pattern for `topic/`. Because of that slash, `a/#` is everything that
-- begins with `a/`, which includes `a`.
local function matcher()
    local pattern, open = filter, ''
    if pattern == '#' then
        pattern = ''
    elseif string.sub(pattern, -2) == '/#' then
        pattern = string.sub(pattern, 1, -2)
    else
        pattern, open = pattern .. '/', '$'
    end
    return '^' .. string.gsub(string.gsub(pattern, '%-', '%%-'), '%+', '[^/]*') .. open
end

-- Returns the topics that may match: those with the fixed prefix or those published to since the
-- point, whichever are fewer.
local function candidates(from, limit)
    local low, high = '[' .. prefix, '[' .. prefix .. '\255'
    local since_ms = digits(from.ms)
    if redis.call('ZLEXCOUNT', TOPICS, low, high) <= redis.call('ZCOUNT', RECENT, since_ms, '+inf') then
        return redis.call('ZRANGEBYLEX', TOPICS, low, high, 'LIMIT', 0, limit)
    end
    return redis.call('ZRANGEBYSCORE', RECENT, since_ms, '+inf', 'LIMIT', 0, limit)
end

-- Returns the topics to read, and whether they are all that match.
local function topics_to_read(from)
    if not prefix then
        local is_known = redis.call('ZSCORE', TOPICS, filter)
            or redis.call('EXISTS', LOG .. filter) == 1
        return is_known and { filter } or {}, true
    end
    local limit = 10 * max_topics
    local found, pattern, topics = candidates(from, limit + 1), matcher(), {}
    for _, topic in ipairs(found) do
        if string.find(topic .. '/', pattern) then
            if #topics == max_topics then
                return topics, false
            end
            topics[#topics + 1] = topic
        end
    end
    return topics, #found <= limit
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

-- Makes an entry for the merge. Most entries are only compared, so it prepares only that. Of a
-- large entry it keeps only whether it is wanted.
local function node_of(log, entry)
    local node = id_of(entry[1])
    node.fields, node.size = entry[2], 0
    for i = 2, #node.fields, 2 do
        node.size = node.size + #node.fields[i]
    end
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

-- Makes the next entry of a log its head. Fetches entries one by one at first and while they are
-- large.
local function advance(log, way, first, last)
    if log.at == #log.nodes then
        if log.is_done then
            log.head = nil
            return
        end
        local count = log.head and log.head.size <= SMALL and CHUNK or 1
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
        elseif gone and redis.call('EXISTS', log.key) == 0 then
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

-- Returns the message and the origin of an entry.
local function text_of(log, node)
    if not node.fields then
        node.fields = redis.call('XRANGE', log.key, node.text, node.text)[1][2]
    end
    local field = fields_of(node)
    return field.message or '""', field.origin or ''
end

-- The page ---------------------------------------------------------------------------------------

-- Returns the id of the newest-th entry from the end (nil: there is no entry), and whether no older
-- entry was left out.
local function start_of_newest(topics, from, snapshot_end, gone)
    local start, found, passed = nil, 0, 0
    for node, log in merge(topics, backward, snapshot_end, from, gone) do
        passed_over = passed_over + 1
        if not is_wanted(log, node) then
            passed = passed + 1
        elseif found == newest then
            return start, false
        else
            start, found = node.text, found + 1
        end
        if passed == SCAN then
            return start, false
        end
    end
    return start, true
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

-- Answers the question with the page that follows its point.
local function answer(point, from, snapshot_end)
    if since ~= 0 then
        since = since < 0 and math.max(1, now + since) or since
        local moment = { ms = since - 1, seq = math.huge } -- just before the first id of that ms
        point = is_less(point, moment) and moment or point
        local earliest = id_of(digits(math.max(0, since - CLOCK_AHEAD)) .. '-0')
        from = is_less(from, earliest) and earliest or from
    end

    local topics, is_all = {}, true
    if has_log then
        topics, is_all = topics_to_read(from)
    end
    local has_news = last and is_less(seen_through(point), seen_through(id_of(last)))
    local is_reached = is_all and is_held(point, has_news)
    local may_miss = is_reached and has_news
    local start, gone = from.text, {}
    if may_miss then
        find_trimmed(topics, point)
    end
    if newest > 0 then
        local is_whole
        start, is_whole = start_of_newest(topics, start, snapshot_end, gone)
        is_reached = is_reached and is_whole
    end
    local to_read, first = start and topics or {}, start or snapshot_end
    local entries, after, more = read_page(to_read, first, snapshot_end, newest == 0 and gone)
    if may_miss then
        find_lost(gone, point)
    end

    -- After the clock stepped back, an entry beyond this page may have expired before those on it.
    local ahead = more == 1 and default_ttl > 0 and redis.call('HMGET', FLOORS, AHEAD)[1]
    is_reached = is_reached and not (ahead and is_less(point, id_of(ahead)))

    local gaps, is_complete = {}, is_reached
    for topic, is_missing in pairs(is_reached and missing or {}) do
        if is_missing then
            gaps[#gaps + 1], is_complete = topic, false
        end
    end
    table.sort(gaps)
    return { snapshot_end, digits(since), after, more, is_complete and 1 or 0,
        #gaps <= GAPS_MAX and gaps or {}, { unpack(gone, 1, GONE_MAX) }, entries }
end

-- The questions ----------------------------------------------------------------------------------

local enough_entries, enough_bytes = tonumber(ARGV[5]), tonumber(ARGV[6])
local answers, key, at = {}, 7, 7
while at <= #ARGV do
    local part = {}
    for text in string.gmatch(ARGV[at], '%S+') do
        part[#part + 1] = text
    end
    at = at + 1
    after_point, missing = part[1], {}
    since, newest = tonumber(part[4]), tonumber(part[5])
    max_entries, max_bytes = tonumber(part[6]), tonumber(part[7])
    if part[8] == '1' then
        filter, prefix = ARGV[at], ARGV[at + 1]
        at = at + 2
    else
        filter, prefix = string.sub(KEYS[key], #LOG + 1), nil
        key = key + 1
    end
    if #answers > 0 and (read_entries >= enough_entries or read_bytes >= enough_bytes
            or passed_over >= SCAN) then
        answers[#answers + 1] = 0
    else
        if #answers > 0 then
            max_entries = math.min(max_entries, enough_entries - read_entries)
            max_bytes = math.min(max_bytes, enough_bytes - read_bytes)
        end
        local snapshot_end = part[3] ~= '-' and part[3] or last or '0-0'
        local ok, page = pcall(answer, id_of(part[1]), id_of(part[2]), snapshot_end)
        if not ok then -- a log that is no stream concerns only its own question
            local text = type(page) == 'table' and page.err or tostring(page)
            if not string.find(text, 'WRONGTYPE', 1, true) then
                error(page, 0)
            end
            page = { err = text }
        end
        answers[#answers + 1] = page
    end
end
return answers
