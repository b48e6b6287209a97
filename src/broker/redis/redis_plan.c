/* redis_plan.c - how the entries of many topics are read, question by question.
 *
 * The problem: a pattern may match a million topics, and after an outage a node may have missed
 * messages of as many. The log of each is a key of its own in Redis, where a script must be short
 * and must name its keys. And the entries of all topics come in one order, that of their ids.
 *
 * The idea: first the names, then the topics in chunks of at most 200, each with a cursor of its
 * own. A chunk is read when its buffer is empty and its next entry may be the one that comes next
 * (redis_merge.c). Here `entries` are those of a chunk that one question brings:
 *
 *     question                     answer                             page
 *     names of room/+              snapshot end 90; a b c d e ...
 *     chunk 1: a b c ... from 41   42 of a, 55 of b; more
 *     chunk 2: d e ...   from 41   48 of e                            42 48 55
 *     chunk 1 again, from 56       61 of c                            61; the end
 *
 * The first answer brings the snapshot end, so topics that come later have nothing to read. A topic
 * with entries up to it is in the index before the names are read, and stays there while it has a
 * log. While the names are read, a publish moves a topic in the index of recent topics to a later
 * time, hence to a place that is still to come: it may come twice, but is not missed.
 *
 * Each answer also tells what is missing after a point (scripts/history.lua). This is always the id
 * up to which entries were given, so a gap lies between those and what the answer brings. The
 * reader is told of gaps in front of a page only. So if the page has entries already, it ends
 * there, and the next one begins with the gap. Until a topic with a gap has an entry, all pages
 * tell this gap, because their points are below it.
 *
 * If the log of all topics does not reach back to the point, the entries that are held are read
 * again. Otherwise those of other chunks would come behind the gap, and what is missing behind them
 * would not be told. Such a gap ends with the first page whose point is above it. A question
 * without topics finds that out, and whether the log start has moved again.
 *
 * With `newest`, several chunks are asked for the ids of their newest entries first. The lowest of
 * the newest ids over all chunks is where the entries begin.
 *
 * With `latest`, all chunks are asked for the id of the newest entry of each topic. Sorted by these
 * ids, the topics form new chunks that follow each other, and their entries are read by id. An
 * entry that has left the log meanwhile is no loss: a newer one, above the snapshot end, took its
 * place.
 */
#include "broker/redis/redis_plan.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/redis/redis_latest.h"
#include "broker/redis/redis_merge.h"
#include "broker/redis/redis_newest.h"
#include "broker/redis/redis_walk.h"

enum phase { NAMES, NEWEST, LATEST, ENTRIES };

struct redis_plan {
    enum phase phase;
    size_t max_held;                    /* bytes of entries */
    struct broker_history question;     /* without results; its filter is in `walk` */
    struct redis_walk walk;             /* over the names */
    struct str asked[REDIS_TOPICS_MAX]; /* in the last question, */
    struct msgid asked_ids[REDIS_TOPICS_MAX];
    size_t n_asked;

    size_t chunk; /* NEWEST, LATEST: the one that is asked next */
    struct redis_newest newest;
    struct redis_latest latest;

    struct redis_merge merge;
    struct redis_chunk *read; /* the chunk that the last question is about; NULL: none */
    bool is_held;             /* by the last answer, the log reaches back to its point */
    struct msgid log_start;   /* of all topics, by the last answer that told it */

    /* The page. */
    struct msgid point; /* entries up to this id were given, or are among the items */
    struct message **items;
    size_t n, cap, bytes;
    bool was_asked;    /* a question was answered since it began */
    bool is_lost;      /* messages of unknown topics are missing */
    bool is_closed;    /* an answer told a gap, which comes behind these items */
    bool has_more;     /* entries, or a gap */
    struct gaps *gaps; /* of the page */
};

/* ---- gaps ---- */

/* Adds the topics to the gaps of the page. */
static void add_gaps(struct redis_plan *p, const struct gaps *more)
{
    p->is_lost = p->is_lost || (more && !gaps_add(&p->gaps, more));
}

static void note_gaps(struct redis_plan *p, const struct redis_answer *a, bool is_start)
{
    bool has_moved = is_start && msgid_cmp(p->log_start, a->page.after) != 0;

    if (p->n == 0)
        p->is_lost = p->is_lost || !a->is_held;
    else if (!a->page.ret_complete)
        p->is_closed = true;
    if (!a->is_held && (p->is_held || has_moved))
        redis_merge_forget(&p->merge, p->read);
    if (is_start)
        p->log_start = a->page.after;
    p->is_held = a->is_held;
    p->was_asked = true;
}

/* Reports whether messages of unknown topics are missing, of those that were asked for. */
static bool lacks_unknown(const struct redis_answer *a)
{
    return a->is_held && !a->page.ret_complete && !a->page.ret_gaps;
}

/* ---- names ---- */

static size_t chunks_of(size_t n_topics)
{
    return (n_topics + REDIS_TOPICS_MAX - 1) / REDIS_TOPICS_MAX;
}

static void end_names(struct redis_plan *p)
{
    size_t n_chunks = chunks_of(p->walk.topics.n);

    if (p->question.latest) {
        p->phase = LATEST;
        return;
    }
    redis_merge_init(&p->merge, n_chunks, p->max_held, p->question.after);
    p->phase = p->question.newest && n_chunks > 1 ? NEWEST : ENTRIES;
}

static void take_names(struct redis_plan *p, const struct redis_answer *a)
{
    redis_walk_take(&p->walk, a);
    if (p->walk.has_ended)
        end_names(p);
}

/* ---- the newest ---- */

static void end_newest(struct redis_plan *p)
{
    struct redis_newest *newest = &p->newest;

    if (newest->n)
        redis_merge_skip(&p->merge, msgid_before(newest->ids[newest->n - 1]));
    else
        redis_merge_done(&p->merge); /* nothing is left to read */
    p->is_lost = p->is_lost || newest->has_older;
    p->phase = ENTRIES;
    redis_newest_done(newest);
}

static void take_ids(struct redis_plan *p, const struct redis_answer *a)
{
    add_gaps(p, a->page.ret_gaps);
    p->is_lost = p->is_lost || lacks_unknown(a);
    redis_newest_add(&p->newest, a->ids, a->n_ids, a->page.ret_more);
    if (++p->chunk == p->merge.n_chunks)
        end_newest(p);
}

/* ---- the latest ---- */

/* The chunks of entries follow each other, because the topics are in the order of their ids. */
static void end_latest(struct redis_plan *p)
{
    const struct redis_latest *latest = &p->latest;

    redis_latest_sort(&p->latest);
    redis_merge_init(&p->merge, chunks_of(latest->n), p->max_held, p->question.after);
    for (size_t i = 0; i < p->merge.n_chunks; i++)
        p->merge.chunks[i].read = msgid_before(latest->entries[i * REDIS_TOPICS_MAX].id);
    p->phase = ENTRIES;
}

/* The reader is told what is missing, in front of the first page. */
static void take_latest(struct redis_plan *p, const struct redis_answer *a)
{
    add_gaps(p, a->page.ret_gaps);
    p->is_lost = p->is_lost || (!a->page.ret_complete && !a->page.ret_gaps);
    for (size_t i = 0; i < a->n_ids; i++) {
        if (a->numbers[i] < p->n_asked && !msgid_is_zero(a->ids[i]))
            redis_latest_add(&p->latest, a->ids[i], p->chunk * REDIS_TOPICS_MAX + a->numbers[i]);
    }
    if (++p->chunk >= chunks_of(p->walk.topics.n))
        end_latest(p);
}

/* ---- entries ---- */

static bool is_full(const struct redis_plan *p)
{
    return p->n >= p->question.max_entries || p->bytes >= p->question.max_bytes;
}

/* Every gap known so far is in front of the page. */
static void add_gaps_of_chunks(struct redis_plan *p)
{
    for (size_t i = 0; i < p->merge.n_chunks; i++) {
        struct redis_chunk *c = &p->merge.chunks[i];

        add_gaps(p, c->gaps);
        p->is_lost = p->is_lost || c->is_lost;
        c->is_lost = false;
    }
}

static void add_entry(struct redis_plan *p, struct redis_chunk *c)
{
    struct message *m;

    if (p->n == 0)
        add_gaps_of_chunks(p);
    m = redis_merge_pop(&p->merge);
    redis_chunk_end_gap(c, m->topic);
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 16;
        p->items = mem_array(p->items, p->cap, sizeof(p->items[0]));
    }
    p->items[p->n++] = m;
    p->point = m->id;
    p->bytes += m->body.n;
}

static void take_entries(struct redis_plan *p, struct redis_answer *a)
{
    struct redis_chunk *c = p->read;
    struct broker_history *page = &a->page;

    c->is_lost = lacks_unknown(a);
    free(c->gaps);
    c->gaps = page->ret_gaps;
    page->ret_gaps = NULL;
    redis_merge_add(&p->merge, page->ret_items, page->ret_n, page->after, page->ret_more);
    page->ret_items = NULL;
    page->ret_n = 0;
    p->question.newest = 0;
}

/* ---- questions ---- */

static void ask_topic(struct redis_plan *p, size_t topic, struct redis_reading *r)
{
    r->topics = p->asked;
    p->asked[r->n_topics++] = redis_topic_list_at(&p->walk.topics, topic);
    p->n_asked = r->n_topics;
}

static void ask_chunk(struct redis_plan *p, size_t chunk, struct redis_reading *r)
{
    size_t first = chunk * REDIS_TOPICS_MAX;

    p->n_asked = 0;
    while (r->n_topics < REDIS_TOPICS_MAX && first + r->n_topics < p->walk.topics.n)
        ask_topic(p, first + r->n_topics, r);
}

static void ask_ids(struct redis_plan *p, struct redis_reading *r)
{
    r->kind = REDIS_READ_IDS;
    ask_chunk(p, p->chunk, r);
    r->from = redis_newest_from(&p->newest, r->from);
}

static void ask_latest(struct redis_plan *p, struct redis_reading *r)
{
    r->kind = REDIS_READ_LATEST;
    ask_chunk(p, p->chunk, r);
}

/* Asks for the entries of a chunk that were not read yet. */
static void ask_exact(struct redis_plan *p, const struct redis_chunk *c, struct redis_reading *r)
{
    size_t end = ((size_t)(c - p->merge.chunks) + 1) * REDIS_TOPICS_MAX;
    size_t i = redis_latest_from(&p->latest, msgid_next(msgid_later(c->read, p->merge.passed)));

    r->kind = REDIS_READ_EXACT;
    r->ids = p->asked_ids;
    for (; i < end && i < p->latest.n && r->n_topics < REDIS_TOPICS_MAX; i++) {
        p->asked_ids[r->n_topics] = p->latest.entries[i].id;
        ask_topic(p, p->latest.entries[i].topic, r);
    }
}

static void ask_entries(struct redis_plan *p, const struct redis_chunk *c, struct redis_reading *r)
{
    size_t share = redis_merge_share(&p->merge);

    r->kind = REDIS_READ_PAGE;
    ask_chunk(p, (size_t)(c - p->merge.chunks), r);
    r->point = p->point;
    r->from = msgid_next(msgid_later(c->read, p->merge.passed));
    if (p->merge.n_chunks > 1 && r->max_bytes > share)
        r->max_bytes = share ? (uint32_t)share : 1;
    if (p->merge.n_chunks > 1)
        r->newest = 0; /* the chunks begin there */
}

bool redis_plan_next(struct redis_plan *p, struct redis_reading *ret)
{
    const struct broker_history *q = &p->question;
    struct redis_chunk *c = NULL;

    *ret = (struct redis_reading){
        .point = p->point,
        .from = msgid_next(q->after),
        .end = q->snapshot_end,
        .since = q->since,
        .newest = q->newest,
        .max_entries = q->max_entries,
        .max_bytes = q->max_bytes,
    };
    if (p->phase == NAMES)
        redis_walk_ask(&p->walk, ret);
    else if (p->phase == NEWEST)
        ask_ids(p, ret);
    else if (p->phase == LATEST)
        ask_latest(p, ret);
    if (p->phase != ENTRIES)
        return true;
    p->read = NULL;
    if (!p->is_held && !p->was_asked)
        return true; /* the question has no topics: is anything missing after this point, too? */
    while (!p->is_closed && !is_full(p) && (c = redis_merge_first(&p->merge))) {
        if (redis_chunk_is_empty(c)) {
            p->read = c;
            if (q->latest)
                ask_exact(p, c, ret);
            else
                ask_entries(p, c, ret);
            return true;
        }
        add_entry(p, c);
    }
    p->has_more = p->is_closed || redis_merge_first(&p->merge);
    return false;
}

void redis_plan_take(struct redis_plan *p, struct redis_answer *a)
{
    bool has_topics = p->phase != ENTRIES || p->read;

    if (msgid_is_zero(p->question.snapshot_end))
        p->question.snapshot_end = a->page.snapshot_end;
    p->question.since = a->page.since;
    if (p->phase == NAMES)
        take_names(p, a);
    else if (p->phase == NEWEST)
        take_ids(p, a);
    else if (p->phase == LATEST)
        take_latest(p, a);
    else if (p->read)
        take_entries(p, a);
    if (!p->question.latest)
        note_gaps(p, a, !has_topics);
    else if (p->n > 0 && !a->page.ret_complete)
        p->is_closed = true; /* the next page tells what was purged meanwhile */
}

/* ---- pages ---- */

void redis_plan_begin(struct redis_plan *p, const struct broker_history *h)
{
    p->question.max_entries = h->max_entries ? h->max_entries : BROKER_PAGE_ENTRIES;
    p->question.max_bytes = h->max_bytes ? h->max_bytes : BROKER_PAGE_BYTES;
    p->point = h->after;
    redis_merge_skip(&p->merge, p->point);
    p->was_asked = p->is_closed = false;
    p->is_lost = false;
}

bool redis_plan_continues(const struct redis_plan *p, const struct broker_history *h,
                          const struct interest *wanted)
{
    return p->walk.wanted == wanted && str_eq(redis_walk_filter(&p->walk), h->filter) &&
           h->newest == 0 && h->latest == p->question.latest && h->since == p->question.since &&
           msgid_cmp(h->snapshot_end, p->question.snapshot_end) == 0 &&
           msgid_cmp(h->after, p->point) >= 0;
}

void redis_plan_give(struct redis_plan *p, struct broker_history *h)
{
    bool is_lost;

    if (p->n == 0)
        add_gaps_of_chunks(p);
    is_lost = p->is_lost || p->walk.is_cut;
    h->snapshot_end = p->question.snapshot_end;
    h->since = p->question.since;
    h->newest = 0;
    h->after = p->point;
    h->ret_items = p->items;
    h->ret_n = p->n;
    h->ret_more = p->has_more;
    h->ret_complete = !is_lost && !p->gaps;
    h->ret_gaps = is_lost ? NULL : p->gaps;
    if (is_lost)
        free(p->gaps);
    p->items = NULL;
    p->gaps = NULL;
    p->n = p->cap = p->bytes = 0;
}

/* ---- create and free ---- */

struct redis_plan *redis_plan_create(const struct broker_history *h, const struct interest *wanted,
                                     const struct redis_plan_limits *limits)
{
    struct redis_plan *p = mem_zalloc(sizeof(*p));

    p->max_held = limits->entries;
    p->question = (struct broker_history){
        .after = h->after,
        .snapshot_end = h->snapshot_end,
        .since = h->since,
        .newest = h->newest,
        .latest = h->latest,
    };
    p->is_held = true;
    redis_newest_init(&p->newest, h->newest);
    redis_walk_init(&p->walk, h->filter, wanted, limits->names,
                    h->latest ? BROKER_MAX_TOPICS : SIZE_MAX);
    if (p->walk.has_ended)
        end_names(p);
    redis_plan_begin(p, h);
    return p;
}

void redis_plan_free(struct redis_plan *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        message_unref(p->items[i]);
    free(p->items);
    free(p->gaps);
    redis_newest_done(&p->newest);
    redis_latest_done(&p->latest);
    redis_walk_done(&p->walk);
    redis_merge_done(&p->merge);
    free(p);
}

size_t redis_plan_bytes(const struct redis_plan *p)
{
    return sizeof(*p) + redis_topic_list_bytes(&p->walk.topics) +
           p->latest.cap * sizeof(p->latest.entries[0]) +
           p->merge.n_chunks * sizeof(p->merge.chunks[0]) + p->merge.held;
}
