/* redis_tail.c - when the last live messages are the whole answer to a question about the log.
 *
 * The problem: when another node or a load balancer restarts, its clients resume here, all at once.
 * Each asks for what came after the id that it saw last, a few seconds ago, and each question costs
 * Redis a script. This node has just passed on the same messages itself.
 *
 * The idea: keep them. The feed brings every message of a topic, in the order of ids, from the
 * moment at which the topic's channel was joined. So for a topic the node knows the log between two
 * ids as well as Redis does:
 *
 *             from         dropped                 high_water     last id of Redis
 *     ---------|-------------|---- 5 -- 7 ------ 9 -----|------ 10 -----|------------> ids
 *      not all |  were here, |  are here                | on their way
 *      came    |  are gone   |                          | through the feed
 *                            `----- a point here -------'
 *
 * A question with a point in that range gets the messages of the topic above the point, and the
 * mark as the end of its snapshot: everything above the mark is still to come as a live message.
 * The answer must not name a later end, although the node may know a later id, from the answer to a
 * publish. Nor must the worker have got a message above the mark: a replay may have read it from
 * the log before this subscription began, and it will not come again. A worker that is behind the
 * mark gets messages of the answer a second time, and the subscription drops them. A question whose
 * answer must contain what was published but has not arrived (an eventlog after a publish) is not
 * for this module: its user asks only for subscriptions.
 *
 * `dropped` is the highest id of the topic that is not here any more, or never was:
 *   - it was removed, because max_bytes or the number of messages was reached;
 *   - the payload did not tell when the message expires, because an older node has published it;
 *   - a message came below the mark and is not a second copy: somebody else publishes to our
 *     channels. Which messages such a program has displaced is not known.
 * Legacy messages are in no log and do not matter.
 *
 * A topic without messages keeps its name and `dropped` for a while, so that quiet topics do not
 * suffer from busy ones. When that takes a quarter of the memory, the oldest are forgotten. The
 * highest `dropped` among those is `forgotten`, which then counts for every topic that is not here.
 *
 * Expiry. Redis neither returns a message that has expired nor calls an answer complete whose point
 * is older than the default ttl. The tail does not decide such cases: it leaves them to Redis, a
 * second early. It knows the clock of Redis from the ids. An id is never below the clock at which
 * it was made, so the largest distance seen between an id and the local clock at its arrival leads
 * to a time that is late by no more than the fastest message took. Where ids are ahead of the
 * clock, because that was set back, messages only seem older than they are.
 */
#include "broker/redis/redis_tail.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "base/table.h"
#include "broker/redis/redis_payload.h"
#include "hub/message.h"
#include "hub/topic.h"

#define CLOCK_MARGIN_MS 1000 /* how far Redis's clock may be ahead of what the ids tell */
#define SLOT_BYTES      48   /* of a topic in the table, while that grows */

struct tail_topic {
    struct list idle;    /* link in the tail's list while it has no messages */
    struct list entries; /* oldest first */
    size_t n;
    struct msgid dropped;
    size_t bytes;
    uint32_t hash;
    struct str name; /* follows the struct in the same block */
};

struct tail_entry {
    struct list by_age; /* in the tail's list */
    struct list link;   /* in its topic's */
    struct tail_topic *topic;
    struct message *m;
    uint64_t expires_ms; /* 0: never */
    size_t bytes;
};

struct redis_tail {
    size_t max_bytes;
    uint64_t max_messages;   /* of a topic */
    uint64_t default_ttl_ms; /* 0: messages never expire */
    struct siphash_key hash_key;
    struct table topics;
    struct list entries; /* of all topics, oldest first */
    struct list idle;    /* topics without messages, the longest first */
    size_t bytes;
    size_t idle_bytes;
    uint64_t clears;
    struct msgid forgotten; /* `dropped` of each topic that is not in the table */
    bool has_clock;
    int64_t clock_ahead; /* of Redis's clock, from the user's; in ms */
};

/* ---- topics ---- */

static bool has_name(const void *item, const void *key)
{
    return str_eq(((const struct tail_topic *)item)->name, *(const struct str *)key);
}

static struct tail_topic *find(const struct redis_tail *t, struct str name)
{
    return table_find(&t->topics, (uint32_t)siphash(&t->hash_key, 0, name), has_name, &name);
}

static void set_idle(struct redis_tail *t, struct tail_topic *topic)
{
    list_push(&t->idle, &topic->idle);
    t->idle_bytes += topic->bytes;
}

static void set_busy(struct redis_tail *t, struct tail_topic *topic)
{
    list_remove(&topic->idle);
    t->idle_bytes -= topic->bytes;
}

static struct tail_topic *add_topic(struct redis_tail *t, struct str name)
{
    struct tail_topic *topic = mem_zalloc(sizeof(*topic) + name.n);

    memcpy(topic + 1, name.p, name.n);
    topic->name = str_make((char *)(topic + 1), name.n);
    topic->hash = (uint32_t)siphash(&t->hash_key, 0, name);
    topic->dropped = t->forgotten;
    topic->bytes = mem_size(topic) + SLOT_BYTES;
    list_init(&topic->entries);
    table_add(&t->topics, topic, topic->hash);
    t->bytes += topic->bytes;
    set_idle(t, topic);
    return topic;
}

static void forget_topic(struct redis_tail *t, struct tail_topic *topic)
{
    t->forgotten = msgid_later(t->forgotten, topic->dropped);
    set_busy(t, topic);
    t->bytes -= topic->bytes;
    table_remove(&t->topics, topic, topic->hash);
    free(topic);
}

/* ---- messages ---- */

static struct tail_entry *entry_of(struct list *link)
{
    return container_of(link, struct tail_entry, link);
}

static struct msgid id_of(struct list *link)
{
    return entry_of(link)->m->id;
}

/* Removes the oldest message of its topic. */
static void drop(struct redis_tail *t, struct tail_entry *e)
{
    struct tail_topic *topic = e->topic;

    topic->dropped = msgid_later(topic->dropped, e->m->id);
    t->bytes -= e->bytes;
    list_remove(&e->by_age);
    list_remove(&e->link);
    message_unref(e->m);
    free(e);
    if (--topic->n == 0)
        set_idle(t, topic);
}

/* Removes all messages of the topic; no answer about it begins below the id. */
static void drop_through(struct redis_tail *t, struct tail_topic *topic, struct msgid id)
{
    struct list *oldest;

    while ((oldest = list_first(&topic->entries)))
        drop(t, entry_of(oldest));
    topic->dropped = msgid_later(topic->dropped, id);
}

static void keep(struct redis_tail *t, struct tail_topic *topic, struct message *m,
                 uint64_t expires_ms)
{
    struct tail_entry *e = mem_zalloc(sizeof(*e));

    e->topic = topic;
    e->m = message_ref(m);
    e->expires_ms = expires_ms;
    e->bytes = mem_size(e) + mem_size(m);
    t->bytes += e->bytes;
    list_push(&t->entries, &e->by_age);
    list_push(&topic->entries, &e->link);
    if (topic->n++ == 0)
        set_busy(t, topic);
    if (topic->n > t->max_messages)
        drop(t, entry_of(list_first(&topic->entries)));
}

/* Makes room: at first from topics without messages, down to a quarter of the memory. */
static void shrink(struct redis_tail *t)
{
    while (t->bytes > t->max_bytes) {
        struct list *oldest = list_first(&t->entries), *idle = list_first(&t->idle);

        if (idle && (!oldest || t->idle_bytes > t->max_bytes / 4))
            forget_topic(t, container_of(idle, struct tail_topic, idle));
        else
            drop(t, container_of(oldest, struct tail_entry, by_age));
    }
}

static bool has(const struct tail_topic *topic, struct msgid id)
{
    for (struct list *it = topic->entries.prev; it != &topic->entries; it = it->prev) {
        if (msgid_cmp(id_of(it), id) <= 0)
            return msgid_cmp(id_of(it), id) == 0;
    }
    return false;
}

static void set_clock(struct redis_tail *t, struct msgid id, uint64_t now_ms)
{
    int64_t ahead = (int64_t)(id.ms - now_ms);

    if (!t->has_clock || ahead > t->clock_ahead)
        t->clock_ahead = ahead;
    t->has_clock = true;
}

void redis_tail_add(struct redis_tail *t, struct message *m, uint64_t expires_ms,
                    struct msgid high_water, uint64_t now_ms)
{
    struct tail_topic *topic;
    bool is_new = msgid_cmp(m->id, high_water) > 0;

    if (m->legacy)
        return;
    set_clock(t, m->id, now_ms);
    topic = find(t, m->topic);
    if (msgid_cmp(m->id, topic ? topic->dropped : t->forgotten) <= 0 ||
        (topic && !is_new && has(topic, m->id)))
        return; /* no answer contains it, or it is a second copy */
    if (!topic)
        topic = add_topic(t, m->topic);
    if (!is_new)
        drop_through(t, topic, high_water);
    else if (expires_ms == REDIS_EXPIRY_UNKNOWN)
        drop_through(t, topic, m->id);
    else
        keep(t, topic, m, expires_ms);
    shrink(t);
}

/* ---- questions ---- */

/* Returns the time by Redis's clock; if it is not certain, a later one. */
static uint64_t redis_now(const struct redis_tail *t, uint64_t now_ms)
{
    return now_ms + (uint64_t)t->clock_ahead + CLOCK_MARGIN_MS;
}

/* Reports whether nothing after the point can have expired by the default ttl (history.lua). */
static bool is_young(const struct redis_tail *t, struct msgid point, uint64_t now_ms)
{
    uint64_t first_ms = point.seq == UINT64_MAX ? point.ms + 1 : point.ms;

    if (!t->has_clock)
        return false;
    return t->default_ttl_ms == 0 || first_ms + t->default_ttl_ms >= redis_now(t, now_ms);
}

static bool may_answer(const struct redis_tail *t, const struct broker_history *h,
                       const struct tail_topic *topic, const struct redis_tail_marks *marks)
{
    struct msgid start = msgid_later(marks->from, topic ? topic->dropped : t->forgotten);

    if (msgid_cmp(marks->posted, marks->high_water) > 0)
        return false;
    if (filter_is_pattern(h->filter) || h->since != 0 || h->newest != 0 || h->latest ||
        msgid_cmp(h->after, start) < 0 || msgid_cmp(h->after, marks->high_water) > 0 ||
        msgid_cmp(h->snapshot_end, marks->high_water) > 0)
        return false;
    /* if nothing came after the point, nothing can have expired */
    return msgid_cmp(h->after, marks->high_water) == 0 || is_young(t, h->after, marks->now_ms);
}

/* Finds the first message after the point, and counts those up to the snapshot end. Returns false
 * if one of them may have expired. */
static bool find_range(const struct redis_tail *t, const struct tail_topic *topic,
                       const struct broker_history *h, uint64_t now_ms, struct list **ret_first,
                       size_t *ret_n)
{
    size_t n = 0;

    *ret_first = NULL;
    for (struct list *it = topic->entries.prev;
         it != &topic->entries && msgid_cmp(id_of(it), h->after) > 0; it = it->prev) {
        uint64_t expires_ms = entry_of(it)->expires_ms;

        if (msgid_cmp(id_of(it), h->snapshot_end) > 0)
            continue;
        if (expires_ms != 0 && expires_ms <= redis_now(t, now_ms))
            return false;
        *ret_first = it;
        n++;
    }
    *ret_n = n;
    return true;
}

static void fill_page(struct broker_history *h, struct list *it, size_t n)
{
    size_t max_entries = h->max_entries ? h->max_entries : BROKER_PAGE_ENTRIES;
    size_t max_bytes = h->max_bytes ? h->max_bytes : BROKER_PAGE_BYTES;
    size_t bytes = 0;

    h->ret_items = mem_array(NULL, n < max_entries ? n : max_entries, sizeof(h->ret_items[0]));
    for (h->ret_n = 0; h->ret_n < n && h->ret_n < max_entries && bytes < max_bytes; it = it->next) {
        struct message *m = entry_of(it)->m;

        h->ret_items[h->ret_n++] = message_ref(m);
        h->after = m->id;
        bytes += m->body.n; /* a little more than the text that Redis counts */
    }
    h->ret_more = h->ret_n < n;
}

bool redis_tail_answer(const struct redis_tail *t, struct broker_history *h,
                       const struct redis_tail_marks *marks)
{
    const struct tail_topic *topic = find(t, h->filter);
    struct broker_history page = *h;
    struct list *first = NULL;
    size_t n = 0;

    if (!may_answer(t, h, topic, marks))
        return false;
    if (msgid_is_zero(page.snapshot_end))
        page.snapshot_end = marks->high_water;
    if (topic && !find_range(t, topic, &page, marks->now_ms, &first, &n))
        return false;
    fill_page(&page, first, n);
    page.ret_complete = true;
    page.ret_gaps = NULL;
    *h = page;
    return true;
}

/* ---- all of it ---- */

void redis_tail_clear(struct redis_tail *t, struct msgid id)
{
    struct list *link;

    while ((link = list_first(&t->entries)))
        drop(t, container_of(link, struct tail_entry, by_age));
    while ((link = list_first(&t->idle)))
        forget_topic(t, container_of(link, struct tail_topic, idle));
    t->forgotten = msgid_later(t->forgotten, id);
    t->has_clock = false; /* the next ids may be those of another clock */
    t->clears++;
}

/* A topic without messages here has none above the beginning of its channel and `forgotten`. */
void redis_tail_purge(struct redis_tail *t, struct str name, struct msgid id)
{
    struct tail_topic *topic = find(t, name);

    if (topic)
        drop_through(t, topic, id);
}

uint64_t redis_tail_clears(const struct redis_tail *t)
{
    return t->clears;
}

size_t redis_tail_bytes(const struct redis_tail *t)
{
    return t->bytes;
}

struct redis_tail *redis_tail_create(const struct broker_config *config)
{
    struct redis_tail *t = mem_zalloc(sizeof(*t));
    uint64_t max_entries = config->max_cache_length; /* of a topic's log */

    t->max_bytes =
        config->tail_memory < REDIS_TAIL_BYTES ? (size_t)config->tail_memory : REDIS_TAIL_BYTES;
    t->max_messages =
        max_entries && max_entries < REDIS_TAIL_MESSAGES ? max_entries : REDIS_TAIL_MESSAGES;
    t->default_ttl_ms = config->default_ttl_s * 1000;
    t->hash_key = siphash_key_random();
    list_init(&t->entries);
    list_init(&t->idle);
    return t;
}

void redis_tail_free(struct redis_tail *t)
{
    if (!t)
        return;
    redis_tail_clear(t, (struct msgid){ 0 });
    table_done(&t->topics);
    free(t);
}
