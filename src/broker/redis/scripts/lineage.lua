-- Shared by the scripts that need the lineage, after prelude.lua.
--
-- The lineage is the list of the histories of this log. Redis's replication id (replid) names a
-- history. It changes when a replica is promoted, when a server starts, perhaps with an older copy
-- of the data, and when another server takes its place. The last history is still open:
--
--     replid     first id                    last id
--     8371c5…    0-0 ──────────────────────> 1700-4            then a replica took over
--     b90412…              2712-1712345678 ──────────────> 2950-0         then Redis started again
--     07fe3a…                                     3960-2960001234 ──────> (P:id)
--
-- Ids between the last id of a history and the first of the next were never issued, or they are of
-- messages that were lost. The first id of a history is not that of a message. If nothing was
-- published after it, a reader at that id has the same messages as one at the end of the history
-- before.
local function id_of(text)
    local ms, seq = read_id(text)
    return { ms = ms, seq = seq, text = text }
end

local function is_less(a, b)
    return a.ms < b.ms or (a.ms == b.ms and a.seq < b.seq)
end

-- Returns the name of Redis's history, or '' if the user has no right to INFO or Redis has no such
-- name. Then there is no lineage.
local function read_replid()
    local info = redis.pcall('INFO', 'replication')
    return type(info) == 'string' and string.match(info, 'master_replid:(%w+)') or ''
end

local function read_lineage(text)
    local histories = {}
    for replid, first, last in string.gmatch(text or '', '(%w+):(%d+%-%d+):([%d-]*)') do
        histories[#histories + 1] =
            { replid = replid, first = id_of(first), last = last ~= '' and id_of(last) or nil }
    end
    return histories
end

-- Returns the index of the history whose range contains the id.
local function history_of(id, histories)
    local i = #histories
    while i > 1 and is_less(id, histories[i].first) do
        i = i - 1
    end
    return i
end

-- Returns the higher of two log starts, each a text or nil. Without `floor`, which Redis may
-- have evicted, nothing is certain.
local function log_start_of(floor, start)
    if not floor then
        return { ms = math.huge, seq = 0 }
    end
    local a, b = id_of(floor), id_of(start or '0-0')
    return is_less(a, b) and b or a
end

-- Returns the id at which a reader has the same messages, and its history: if the id is the first
-- of a history, it is the last id of the history before. But nothing up to the log start is
-- certain.
local function see_through(id, histories, log_start)
    local i = history_of(id, histories)
    while i > 1 and id.text == histories[i].first.text and is_less(log_start, id) do
        i = i - 1
        id = histories[i].last
    end
    return id, histories[i]
end
