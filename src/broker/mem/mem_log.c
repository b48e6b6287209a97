#include "broker/mem/mem_log.h"

#include <assert.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "hub/eventlog.h"

#define EXPIRE_WITH_ADD 16 /* expired entries that adding one removes */

/* Bytes of an entry and of a topic besides the message and the texts: the blocks, slots in two
 * half-full rings, a slot in the heap, and the overhead of malloc for each block. */
#define MALLOC_COST 16
#define ENTRY_COST                                                                                 \
    (sizeof(struct mem_entry) + 2 * MALLOC_COST + 2 * 2 * sizeof(struct mem_slot) +                \
     2 * sizeof(struct mem_expiry *))
#define TOPIC_COST                                                                                 \
    (sizeof(struct mem_topic) + 2 * sizeof(struct mem_topic *) + 4 * sizeof(struct mem_slot) +     \
     2 * MALLOC_COST)

static struct mem_entry *entry_of(struct mem_expiry *x)
{
    return container_of(x, struct mem_entry, expiry);
}

static size_t entry_cost(const struct mem_entry *e)
{
    return ENTRY_COST + message_overhead(e->message) + e->message->body.n;
}

static void move_log_start(struct mem_log *log, struct msgid id)
{
    if (msgid_cmp(log->log_start, id) < 0)
        log->log_start = id;
}

static void note_expired(struct mem_log *log, struct msgid id)
{
    if (msgid_cmp(log->expired, id) < 0)
        log->expired = id;
}

/* Removes an entry, and its topic if this was the last one. */
static void remove_entry(struct mem_log *log, struct mem_entry *e, uint64_t mono_ms)
{
    struct msgid id = e->message->id;
    struct mem_topic *topic = e->topic;

    if (e->expiry.at <= mono_ms && !e->is_brief)
        note_expired(log, id);
    mem_ring_remove(&log->all, id);
    mem_ring_remove(&topic->entries, id);
    mem_heap_remove(&log->expiring, &e->expiry);
    log->bytes -= entry_cost(e);
    message_unref(e->message);
    free(e);
    if (topic->entries.live > 0)
        return;
    /* The topic's log start goes with it. If entries that MAX_CACHE_LENGTH removed would not have
     * expired yet, the log's own start moves up to keep the fact that they are missing. Otherwise
     * they count as expired. */
    if (topic->trimmed_until > mono_ms)
        move_log_start(log, topic->log_start);
    else
        note_expired(log, topic->trimmed);
    log->bytes -= TOPIC_COST + topic->name.n;
    mem_topics_remove(&log->topics, topic);
}

bool mem_log_expire(struct mem_log *log, uint64_t mono_ms, size_t max)
{
    struct mem_expiry *x;

    while ((x = mem_heap_due(&log->expiring, mono_ms))) {
        if (max-- == 0)
            return true;
        remove_entry(log, entry_of(x), mono_ms);
    }
    return false;
}

/* The oldest entry of a topic leaves the log. Unless it has expired, it is missing from now on. */
static void note_missing(struct mem_topic *topic, const struct mem_entry *oldest, uint64_t mono_ms)
{
    if (oldest->expiry.at <= mono_ms)
        return;
    topic->log_start = msgid_later(topic->log_start, oldest->message->id);
    if (oldest->expiry.at > topic->trimmed_until)
        topic->trimmed_until = oldest->expiry.at;
    if (!oldest->is_brief)
        topic->trimmed = oldest->message->id;
}

static struct mem_entry *oldest_of(const struct mem_topic *topic)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): remove_entry unlinked the previous one */
    return mem_ring_at(&topic->entries, 0)->entry;
}

static void trim_topic(struct mem_log *log, struct mem_topic *topic, uint64_t max_length,
                       uint64_t mono_ms)
{
    while (max_length > 0 && topic->entries.live > max_length) {
        struct mem_entry *oldest = oldest_of(topic);

        note_missing(topic, oldest, mono_ms);
        remove_entry(log, oldest, mono_ms); /* never the last one, so the topic stays */
    }
}

/* ---- purging ---- */

size_t mem_log_length(const struct mem_topic *topic)
{
    return topic->entries.live - oldest_of(topic)->is_mark;
}

/* Makes the only entry of its topic a mark, which lives as long as any message that was removed. */
static void make_mark(struct mem_log *log, struct mem_entry *e)
{
    struct message *m = message_create(e->message->id, e->topic->name, STR("\"\""), STR(""));

    log->bytes -= entry_cost(e);
    message_unref(e->message);
    e->message = m;
    log->bytes += entry_cost(e);
    mem_heap_remove(&log->expiring, &e->expiry);
    if (e->expiry.at < e->topic->trimmed_until)
        e->expiry.at = e->topic->trimmed_until;
    mem_heap_add(&log->expiring, &e->expiry);
    e->is_mark = true;
}

bool mem_log_purge(struct mem_log *log, struct str topic, struct mem_purge *purge, uint64_t mono_ms,
                   size_t max)
{
    struct mem_topic *t = mem_topics_find(&log->topics, topic);

    if (!t || mem_log_length(t) == 0)
        return false;
    if (msgid_is_zero(purge->upto)) {
        purge->upto = mem_ring_last(&t->entries);
        t->log_start = msgid_later(t->log_start, purge->upto);
    }
    for (;;) {
        struct mem_entry *oldest = oldest_of(t);

        if (msgid_cmp(oldest->message->id, purge->upto) > 0)
            return false;
        if (max-- == 0)
            return true;
        note_missing(t, oldest, mono_ms);
        purge->removed += !oldest->is_mark;
        if (t->entries.live == 1) {
            make_mark(log, oldest);
            return false;
        }
        remove_entry(log, oldest, mono_ms);
    }
}

static void make_room(struct mem_log *log, uint64_t mono_ms)
{
    while (log->bytes + log->others > log->limits.memory && log->all.live > 0) {
        struct mem_entry *oldest = mem_ring_at(&log->all, 0)->entry;
        struct mem_expiry *x = mem_heap_due(&log->expiring, mono_ms);

        if (x) {
            remove_entry(log, entry_of(x), mono_ms);
            continue;
        }
        move_log_start(log, oldest->message->id);
        remove_entry(log, oldest, mono_ms);
    }
}

void mem_log_set_others(struct mem_log *log, uint64_t bytes, uint64_t mono_ms)
{
    log->others = bytes;
    make_room(log, mono_ms);
}

void mem_log_add(struct mem_log *log, struct message *m, const struct mem_log_options *options,
                 struct mem_now now)
{
    uint64_t max_length = options->max_length ? options->max_length : log->limits.max_length;
    uint64_t ttl_s = options->ttl_s;
    int64_t timestamp = options->timestamp;
    struct mem_entry *e = mem_zalloc(sizeof(*e));
    uint64_t default_ttl_s = log->limits.default_ttl_s;

    assert(msgid_cmp(m->id, log->last) == 0);
    mem_log_expire(log, now.mono_ms, EXPIRE_WITH_ADD);
    e->message = message_ref(m);
    e->topic = mem_topics_add(&log->topics, m->topic);
    if (e->topic->entries.live == 0) /* a new topic: one without entries is removed */
        log->bytes += TOPIC_COST + m->topic.n;
    e->time = m->id.ms;
    if (timestamp != 0 && eventlog_timestamp_is_usable(timestamp, now.wall_ms))
        e->time = (uint64_t)timestamp;
    e->expiry.at = mem_expiry_after(now.mono_ms, ttl_s ? ttl_s : default_ttl_s);
    e->is_brief = ttl_s && (default_ttl_s == 0 || ttl_s < default_ttl_s);
    mem_ring_push(&log->all, m->id, e);
    mem_ring_push(&e->topic->entries, m->id, e);
    mem_heap_add(&log->expiring, &e->expiry);
    log->bytes += entry_cost(e);
    if (e->time > m->id.ms && e->time - m->id.ms > log->lead_ms)
        log->lead_ms = e->time - m->id.ms;
    trim_topic(log, e->topic, max_length, now.mono_ms);
    make_room(log, now.mono_ms);
}

struct msgid mem_log_next_id(struct mem_log *log, uint64_t wall_ms)
{
    if (wall_ms > log->last.ms)
        log->last = (struct msgid){ .ms = wall_ms };
    else
        log->last.seq++;
    return log->last;
}

void mem_log_init(struct mem_log *log, const struct mem_log_limits *limits, uint64_t wall_ms)
{
    *log = (struct mem_log){ .limits = *limits, .last.ms = wall_ms };
    log->log_start = msgid_before(log->last); /* what was published before now is not known */
    log->began = log->log_start;
    mem_topics_init(&log->topics);
}

void mem_log_done(struct mem_log *log)
{
    for (size_t i = 0; i < log->all.n; i++) {
        struct mem_entry *e = mem_ring_at(&log->all, i)->entry;

        if (e)
            message_unref(e->message);
        free(e);
    }
    mem_topics_done(&log->topics);
    mem_ring_done(&log->all);
    mem_heap_done(&log->expiring);
    *log = (struct mem_log){ 0 };
}
