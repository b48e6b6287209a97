/* mem_read.c - reads a page of history as a merge of the matching topics.
 *
 * The problem: history asks for the entries of a topic or pattern in id order, from a point up to a
 * snapshot end. A log may hold very many topics, and the broker's only thread must not spend long
 * on one page.
 *
 * The idea: each topic has a ring of its entries in id order, so the page is a merge of the rings
 * whose topics match. A cursor for each ring starts at the first entry after the point (found by
 * binary search); a binary heap holds the cursors, the one with the lowest id on top:
 *
 *     ring of a/1   11       14   17        filter a/+, after 11, snapshot end 16:
 *     ring of a/2      12 13      18        the cursors start at 14 (a/1) and 12 (a/2); the page
 *     ring of b              15             is 12 13 14; 17 and 18 are beyond the end, and b is
 *                                           never looked at
 *
 * With n rings an entry costs O(log n). When they hold half of the log or more, reading the ring
 * over all topics and matching each entry is cheaper. It is also the fallback when too many topics
 * match. For a narrow filter it would be wrong: a client that wants one quiet topic would read
 * everything that the busy ones published. The search for the newest entries also merges,
 * backwards, because the end of the log may hold nothing that matches.
 *
 * The invariant: every matching entry up to `after` was returned by an earlier page. So a page may
 * end anywhere, also at its budget of skipped entries, and the next one needs no state but `after`.
 *
 * With `latest`, the cursor of each ring starts at its newest entry and goes no further.
 *
 * The entries cannot show whether a page is complete, because a missing entry leaves no trace. That
 * follows from the log start, the log starts of the topics (which MAX_CACHE_LENGTH and purges
 * move), and the highest id that has expired. The age of the point does not help: its id comes from
 * the wall clock, which may have been set since.
 */
#include "broker/mem/mem_read.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/gaps.h"
#include "hub/topic.h"

/* The topics that the filter matches. */
struct sources {
    const struct mem_ring *all; /* of every topic */
    const struct mem_ring **rings;
    size_t n;
    size_t cap;
    size_t live;   /* entries in the rings */
    bool too_many; /* not every matching ring is here */
    bool is_latest;
    struct msgid point;
    size_t n_gaps; /* topics that lost entries after the point, to MAX_CACHE_LENGTH or a purge */
    struct str gaps[GAPS_MAX];
};

/* A ring and the index of its next slot. */
struct cursor {
    const struct mem_ring *ring;
    size_t at;
};

/* Visits the sources in id order, or backwards: a binary heap of cursors. */
struct walk {
    const struct broker_history *request;
    bool is_mixed; /* over the ring of all topics: each entry must be matched */
    uint64_t mono_ms;
    bool back;
    size_t skip_max; /* the budget */
    size_t skipped;
    struct msgid passed; /* the last id looked at */
    size_t n;
    struct cursor *cursors;
};

/* ---- the request ---- */

/* Returns the id after which every entry lies whose time is >= since: its id is at most lead_ms
 * behind its time. */
static struct msgid before_since(uint64_t since, uint64_t lead_ms)
{
    if (since <= lead_ms)
        return (struct msgid){ 0 };
    return (struct msgid){ .ms = since - lead_ms - 1, .seq = UINT64_MAX };
}

/* Fills in what the request left to the broker, and clears the answer. Returns the point of the
 * request: entries after it are wanted. For `since` that is the id before the first one of its
 * millisecond. */
static struct msgid prepare(const struct mem_log *log, struct broker_history *h, uint64_t wall_ms)
{
    struct msgid point = h->after;
    struct msgid moment, start;

    if (msgid_is_zero(h->snapshot_end))
        h->snapshot_end = log->last;
    if (h->since < 0) { /* so long ago; 0 would mean any time */
        uint64_t ago = -(uint64_t)h->since;

        h->since = ago < wall_ms ? (int64_t)(wall_ms - ago) : 1;
    }
    if (h->since != 0) {
        moment = before_since((uint64_t)h->since, 0);
        if (msgid_cmp(point, moment) < 0)
            point = moment;
        start = before_since((uint64_t)h->since, log->lead_ms);
        if (msgid_cmp(h->after, start) < 0)
            h->after = start;
    }
    h->ret_items = NULL;
    h->ret_n = 0;
    h->ret_more = false;
    h->ret_complete = false;
    h->ret_gaps = NULL;
    return point;
}

/* ---- sources ---- */

/* The latest entry lacks nothing because older ones were removed. */
static bool has_gap(const struct sources *s, const struct mem_topic *topic)
{
    return s->is_latest ? mem_log_length(topic) == 0 : msgid_cmp(s->point, topic->log_start) < 0;
}

static void sources_add(struct sources *s, const struct mem_topic *topic)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 16;
        s->rings = mem_array(s->rings, s->cap, sizeof(s->rings[0]));
    }
    s->rings[s->n++] = &topic->entries;
    s->live += topic->entries.live;
    if (!has_gap(s, topic))
        return;
    if (s->n_gaps < GAPS_MAX)
        s->gaps[s->n_gaps] = topic->name;
    s->n_gaps++;
}

static void sources_init(struct sources *s, struct mem_log *log, const struct broker_history *h,
                         struct msgid point)
{
    struct str filter = h->filter;
    struct mem_topic *topic;
    struct str prefix;
    size_t names = 0;

    *s = (struct sources){ .all = &log->all, .point = point, .is_latest = h->latest };
    if (!filter_is_pattern(filter)) {
        topic = mem_topics_find(&log->topics, filter);
        if (topic)
            sources_add(s, topic);
        return;
    }
    prefix = filter_fixed_prefix(filter);
    s->too_many = !h->latest && prefix.n == 0 && log->topics.n > MEM_READ_NAMES;
    topic = mem_topics_from(&log->topics, prefix);
    for (; topic && !s->too_many; topic = topic->next[0]) {
        if (pattern_is_past(filter, prefix, topic->name))
            break;
        s->too_many = ++names > MEM_READ_NAMES;
        if (!filter_matches(filter, topic->name))
            continue;
        s->too_many |= s->n == BROKER_MAX_TOPICS;
        if (!s->too_many)
            sources_add(s, topic);
    }
}

/* Returns true if the log holds everything published after the point, apart from the log starts of
 * topics. Neither the point nor anything after it may have expired, unless nothing was published
 * after it. A point above the last id was never issued, so nothing is known about it. */
static bool reaches_back(struct mem_log *log, const struct broker_history *h, struct msgid point,
                         struct mem_now now)
{
    uint64_t first_ms = point.ms + (point.seq == UINT64_MAX); /* of the first id after it */
    int cmp = msgid_cmp(point, log->last);
    bool has_more = mem_log_expire(log, now.mono_ms, MEM_READ_EXPIRE);

    if (msgid_cmp(point, log->log_start) < 0)
        return false;
    if (cmp < 0)
        return !has_more && msgid_cmp(point, log->expired) > 0;
    return cmp == 0 || (h->since != 0 && first_ms <= now.wall_ms);
}

/* Returns true if the log, as long as it has existed, has lost no message that may be the latest of
 * its topic: MEMORY_LIMIT removed none that would not have expired since. */
static bool holds_latest(struct mem_log *log, struct mem_now now)
{
    uint64_t ttl_ms = log->limits.default_ttl_s * 1000;
    bool has_more = mem_log_expire(log, now.mono_ms, MEM_READ_EXPIRE);
    bool was_long_ago = ttl_ms && log->log_start.ms + ttl_ms < now.wall_ms;

    return !has_more && (was_long_ago || msgid_cmp(log->log_start, log->began) <= 0);
}

/* ---- the walk ---- */

static const struct mem_slot *cursor_slot(const struct cursor *c)
{
    return mem_ring_at(c->ring, c->at);
}

static bool goes_first(const struct walk *w, size_t a, size_t b)
{
    int cmp = msgid_cmp(cursor_slot(&w->cursors[a])->id, cursor_slot(&w->cursors[b])->id);

    return w->back ? cmp > 0 : cmp < 0;
}

static void sift_down(struct walk *w, size_t i)
{
    size_t child;

    while ((child = 2 * i + 1) < w->n) {
        struct cursor c = w->cursors[i];

        if (child + 1 < w->n && goes_first(w, child + 1, child))
            child++;
        if (!goes_first(w, child, i))
            return;
        w->cursors[i] = w->cursors[child];
        w->cursors[child] = c;
        i = child;
    }
}

/* Finds the latest entry of a ring that has not expired, if it is above `after`. Gives up when the
 * budget is used up. Then more than MEM_READ_EXPIRE entries had expired, so the page is not
 * complete (holds_latest). */
static bool find_latest(struct walk *w, const struct mem_ring *ring, size_t *ret_at)
{
    size_t i = mem_ring_upto(ring, w->request->snapshot_end);

    while (i-- > 0 && w->skipped < w->skip_max) {
        const struct mem_slot *slot = mem_ring_at(ring, i);

        if (msgid_cmp(slot->id, w->request->after) <= 0)
            return false;
        if (slot->entry && !slot->entry->is_mark && slot->entry->expiry.at > w->mono_ms) {
            *ret_at = i;
            return true;
        }
        w->skipped += slot->entry != NULL;
    }
    return false;
}

/* One entry of each ring is enough. */
static void walk_init_latest(struct walk *w, const struct sources *s)
{
    for (size_t i = 0; i < s->n; i++) {
        size_t at;

        if (find_latest(w, s->rings[i], &at))
            w->cursors[w->n++] = (struct cursor){ s->rings[i], at };
    }
    w->skipped = 0;
}

static void walk_init(struct walk *w, const struct sources *s, const struct broker_history *h)
{
    const struct mem_ring *const *rings;
    size_t n;

    /* Reading the ring over all topics is faster when at least half of it is wanted. Backwards it
     * is not: its end may hold too many unwanted entries. */
    w->is_mixed =
        !h->latest && (s->too_many || (!w->back && s->n > 1 && s->live >= s->all->live / 2));
    rings = w->is_mixed ? &s->all : s->rings;
    n = w->is_mixed ? 1 : s->n;
    w->request = h;
    w->n = 0;
    w->cursors = mem_array(NULL, n, sizeof(w->cursors[0]));
    if (h->latest)
        walk_init_latest(w, s);
    for (size_t i = 0; !h->latest && i < n; i++) {
        size_t begin = mem_ring_upto(rings[i], h->after);
        size_t end = mem_ring_upto(rings[i], h->snapshot_end);

        if (begin < end)
            w->cursors[w->n++] = (struct cursor){ rings[i], w->back ? end - 1 : begin };
    }
    for (size_t i = w->n / 2; i-- > 0;)
        sift_down(w, i);
}

/* Moves the first cursor to its next slot, or removes it from the heap at the end of its range. */
static void walk_step(struct walk *w)
{
    struct cursor *c = &w->cursors[0];
    const struct broker_history *h = w->request;
    bool has_next = !h->latest && (w->back ? c->at > 0 : c->at + 1 < c->ring->n);

    if (has_next) {
        c->at = w->back ? c->at - 1 : c->at + 1;
        has_next = w->back ? msgid_cmp(cursor_slot(c)->id, h->after) > 0
                           : msgid_cmp(cursor_slot(c)->id, h->snapshot_end) <= 0;
    }
    if (!has_next)
        *c = w->cursors[--w->n];
    sift_down(w, 0);
}

static bool is_over_budget(const struct walk *w)
{
    return w->n > 0 && w->skipped >= w->skip_max;
}

/* Returns the next wanted entry; NULL at the end, or when the budget is used up. */
static const struct mem_entry *walk_next(struct walk *w)
{
    const struct broker_history *h = w->request;

    while (w->n > 0 && !is_over_budget(w)) {
        const struct mem_slot *slot = cursor_slot(&w->cursors[0]);
        const struct mem_entry *e = slot->entry;

        w->passed = slot->id;
        walk_step(w);
        if (!e)
            continue; /* an empty slot costs next to nothing */
        if (!e->is_mark && e->expiry.at > w->mono_ms &&
            (h->since == 0 || e->time >= (uint64_t)h->since) &&
            (!w->is_mixed || filter_matches(h->filter, e->topic->name)))
            return e;
        w->skipped++;
    }
    return NULL;
}

/* ---- the answer ---- */

/* Moves `after` up to just before the newest entries. Returns true if that left entries out. */
static bool cut_to_newest(const struct sources *s, struct broker_history *h, uint64_t mono_ms)
{
    struct walk w = { .mono_ms = mono_ms, .back = true, .skip_max = MEM_READ_SKIP_BACK };
    const struct mem_entry *e;
    uint32_t found = 0;
    bool cut_off;

    walk_init(&w, s, h);
    while ((e = walk_next(&w)) && found < h->newest)
        found++;
    cut_off = e || is_over_budget(&w);
    if (cut_off)
        h->after = w.passed;
    h->newest = 0;
    free(w.cursors);
    return cut_off;
}

static void fill_page(const struct sources *s, struct broker_history *h, uint64_t mono_ms)
{
    struct walk w = { .mono_ms = mono_ms, .skip_max = MEM_READ_SKIP };
    size_t max_entries = h->max_entries ? h->max_entries : BROKER_PAGE_ENTRIES;
    size_t max_bytes = h->max_bytes ? h->max_bytes : BROKER_PAGE_BYTES;
    const struct mem_entry *e;
    size_t bytes = 0;
    size_t cap = 0;

    walk_init(&w, s, h);
    while ((e = walk_next(&w)) && h->ret_n < max_entries && bytes < max_bytes) {
        if (h->ret_n == cap) {
            cap = cap ? 2 * cap : 16;
            h->ret_items = mem_array(h->ret_items, cap, sizeof(h->ret_items[0]));
        }
        h->ret_items[h->ret_n++] = message_ref(e->message);
        h->after = e->message->id;
        bytes += e->message->body.n;
    }
    if (!e && is_over_budget(&w))
        h->after = w.passed;
    h->ret_more = e || is_over_budget(&w);
    free(w.cursors);
}

void mem_read(struct mem_log *log, struct broker_history *h, struct mem_now now)
{
    struct msgid point = prepare(log, h, now.wall_ms);
    bool is_covered = h->latest ? holds_latest(log, now) : reaches_back(log, h, point, now);
    struct sources sources;

    sources_init(&sources, log, h, point);
    if (sources.too_many || (h->newest != 0 && cut_to_newest(&sources, h, now.mono_ms)))
        is_covered = false;
    h->ret_complete = is_covered && sources.n_gaps == 0;
    if (is_covered && sources.n_gaps > 0 && sources.n_gaps <= GAPS_MAX)
        h->ret_gaps = gaps_create(sources.gaps, sources.n_gaps);
    fill_page(&sources, h, now.mono_ms);
    free(sources.rings);
}

void mem_read_nothing(const struct mem_log *log, struct broker_history *h, uint64_t wall_ms)
{
    (void)prepare(log, h, wall_ms);
    h->newest = 0;
}
