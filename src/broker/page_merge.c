/* page_merge.c - the log of several filters as one.
 *
 * The problem: a client reads several filters and keeps one position for all of them, the id of the
 * last message that it got. So it must get the entries of all filters in the order of ids. The
 * broker answers a page of one filter.
 *
 * The idea: each filter is a source with a page of its own, and the sources are merged. A source is
 * read when its next entry may be the next one of all, and no earlier. Here a/# and b are read
 * after 40, up to the snapshot end 90 of the first answer:
 *
 *     question            answer               page of both             next: a/#  b
 *     a/# after 40        42 55, more                                          42  41
 *     b   after 40        48 60 70             42 48 55                        56  60
 *     a/# after 55        80                   60 70 80, the end
 *
 * The invariant: every entry up to `mark` was given, of all sources, and none above it. The entries
 * of a source that are left are not below its `next`. So the source with the lowest `next` gives
 * the next entry, or is read. An entry that several filters match comes from all their sources with
 * the same id, and is given once.
 *
 * Gaps. An answer says what is missing after its point. All entries given so far are up to there.
 * A page of all filters therefore ends where a source must be read, and its answer begins the next
 * page: the gap is in front of all that follow. If messages of unknown topics are missing, all logs
 * begin behind a point that only the broker knows. Then the items that are kept are read again:
 * otherwise some of them would come behind the gap that belongs behind them.
 *
 * Bounds: the pages of all sources together are about one page of the whole, but each has at least
 * one entry, however large. If they take too much, the page of the source that comes last is
 * dropped. Only its `next` remains, from where it is read again. The same is done with the source
 * that would go on when a page is full, because a page begins with an answer.
 */
#include "broker/page_merge.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "broker/gaps.h"

#define ENTRY_BYTES 128 /* of an entry besides its body */
#define KEPT_PAGES  2   /* in bytes of a page */

struct source {
    struct str filter;
    struct msgid next;      /* its next entry has this id or a greater one */
    uint32_t newest;        /* only this many entries; 0: all, or they were asked for */
    bool has_more;          /* the log has, or may have, entries behind the items */
    struct message **items; /* i to n - 1 are left; NULL: it must be read if it has more */
    size_t i, n;
};

struct page_merge {
    struct source *asked;
    struct broker_history whole; /* the question */
    struct gaps *gaps;           /* of the page */
    bool is_lost;                /* messages of unknown topics are missing, too */
    struct msgid mark;
    size_t kept; /* bytes of the items */
    size_t n;
    struct source sources[];
};

static size_t cost_of(const struct message *m)
{
    return m->body.n + ENTRY_BYTES;
}

/* ---- sources ---- */

/* Drops the items that are left. */
static void drop(struct page_merge *m, struct source *s)
{
    s->has_more = s->has_more || s->items;
    while (s->i < s->n) {
        struct message *item = s->items[s->i++];

        m->kept -= cost_of(item);
        message_unref(item);
    }
    free(s->items);
    s->items = NULL;
    s->i = s->n = 0;
}

static bool must_be_read(const struct source *s)
{
    return !s->items && s->has_more;
}

/* Returns the source with the lowest `next`, preferably one that must be read; NULL: at the end.
 * Once an answer has dropped what others had, preferably one with items: otherwise two sources with
 * the same entry would drop each other's for ever. */
static struct source *find_first(struct page_merge *m)
{
    struct source *first = NULL;

    for (struct source *s = m->sources; s < m->sources + m->n; s++) {
        int cmp = first ? msgid_cmp(s->next, first->next) : -1;

        if (cmp == 0 && must_be_read(s) != must_be_read(first) && must_be_read(s) == !m->is_lost)
            cmp = -1;
        if (cmp < 0 && (s->items || s->has_more))
            first = s;
    }
    return first;
}

/* Returns the source with the greatest `next` of those that have items; NULL: none has a greater
 * one than another. */
static struct source *find_last(struct page_merge *m)
{
    struct source *first = NULL, *last = NULL;

    for (struct source *s = m->sources; s < m->sources + m->n; s++) {
        if (!s->items)
            continue;
        if (!first || msgid_cmp(s->next, first->next) < 0)
            first = s;
        if (!last || msgid_cmp(s->next, last->next) > 0)
            last = s;
    }
    return last && msgid_cmp(last->next, first->next) > 0 ? last : NULL;
}

/* Returns the first item, which is the caller's. */
static struct message *pop(struct page_merge *m, struct source *s)
{
    struct message *item = s->items[s->i++];

    m->kept -= cost_of(item);
    s->next = s->i < s->n ? s->items[s->i]->id : msgid_next(item->id);
    if (s->i == s->n) {
        free(s->items);
        s->items = NULL;
    }
    return item;
}

/* ---- a page of one ---- */

static void ask(struct page_merge *m, struct source *s, struct broker_history *h)
{
    uint32_t n = (uint32_t)m->n;
    uint32_t entries = m->whole.max_entries / n, bytes = m->whole.max_bytes / n;

    m->asked = s;
    *h = m->whole;
    h->filter = s->filter;
    h->after = msgid_later(msgid_before(s->next), m->mark);
    h->newest = s->newest;
    h->max_entries = entries ? entries : 1;
    h->max_bytes = bytes ? bytes : 1;
}

/* Adds what is missing in front of the page. */
static void add_gaps(struct page_merge *m, struct broker_history *h)
{
    bool is_lost = !h->ret_complete && (!h->ret_gaps || !gaps_add(&m->gaps, h->ret_gaps));

    for (struct source *s = m->sources; is_lost && s < m->sources + m->n; s++)
        drop(m, s);
    m->is_lost = m->is_lost || is_lost;
    free(h->ret_gaps);
    h->ret_gaps = NULL;
}

/* Drops the items that another source will give next. */
static void drop_repeated(struct page_merge *m, struct source *s)
{
    for (struct source *other = m->sources; s->items && other < m->sources + m->n; other++) {
        if (other != s && other->items && msgid_cmp(other->next, s->next) == 0)
            message_unref(pop(m, s));
    }
}

static void add_items(struct page_merge *m, struct source *s, struct broker_history *h)
{
    struct source *last;

    s->has_more = h->ret_more;
    s->newest = 0;
    s->next = msgid_next(msgid_later(h->after, m->mark));
    s->i = 0;
    s->n = h->ret_n;
    s->items = h->ret_items;
    h->ret_items = NULL;
    h->ret_n = 0;
    if (s->n == 0) {
        free(s->items);
        s->items = NULL;
        return;
    }
    s->next = s->items[0]->id;
    for (size_t i = 0; i < s->n; i++)
        m->kept += cost_of(s->items[i]);
    drop_repeated(m, s);
    while (m->kept > (size_t)KEPT_PAGES * m->whole.max_bytes && (last = find_last(m)))
        drop(m, last);
}

/* ---- a page of all ---- */

static void begin(struct page_merge *m, const struct broker_history *h)
{
    m->mark = h->after;
    for (struct source *s = m->sources; s < m->sources + m->n; s++) {
        drop(m, s);
        s->next = msgid_next(h->after);
        s->newest = h->newest;
        s->has_more = true;
    }
}

void page_merge_ask(struct page_merge *m, struct broker_history *h)
{
    assert(h->max_entries && h->max_bytes);
    if (msgid_is_zero(h->snapshot_end))
        begin(m, h);
    m->whole = *h;
    m->is_lost = false;
    ask(m, find_first(m), h);
}

/* Moves the next entry to the page, from all sources that have it. */
static void give(struct page_merge *m, struct source *first, struct broker_history *h)
{
    struct message *item = pop(m, first);

    m->mark = item->id;
    h->ret_items[h->ret_n++] = item;
    for (struct source *s = m->sources; s < m->sources + m->n; s++) {
        if (s->items && msgid_cmp(s->next, m->mark) == 0)
            message_unref(pop(m, s));
    }
}

/* Gives a page up to where a source must be read, which is where the next one begins. */
static void fill(struct page_merge *m, struct broker_history *h)
{
    struct source *s;
    size_t bytes = 0;

    *h = m->whole;
    h->newest = 0;
    h->ret_items = mem_array(NULL, h->max_entries, sizeof(h->ret_items[0]));
    h->ret_n = 0;
    while ((s = find_first(m)) && !must_be_read(s) && h->ret_n < h->max_entries &&
           bytes < h->max_bytes) {
        bytes += s->items[s->i]->body.n;
        give(m, s, h);
    }
    if (s)
        drop(m, s);
    h->after = m->mark;
    h->ret_more = s;
    h->ret_complete = !m->is_lost && !m->gaps;
    h->ret_gaps = m->is_lost ? NULL : m->gaps;
    if (m->is_lost)
        free(m->gaps);
    m->gaps = NULL;
}

bool page_merge_take(struct page_merge *m, struct broker_history *h)
{
    struct source *first;

    m->whole.snapshot_end = h->snapshot_end;
    m->whole.since = h->since;
    add_gaps(m, h);
    add_items(m, m->asked, h);
    if (msgid_is_zero(h->snapshot_end)) { /* nothing was ever published: all comes live */
        for (struct source *s = m->sources; s < m->sources + m->n; s++)
            s->has_more = false;
    }
    first = find_first(m);
    if (first && must_be_read(first)) {
        ask(m, first, h);
        return false;
    }
    fill(m, h);
    return true;
}

struct page_merge *page_merge_create(const struct str *filters, size_t n)
{
    struct page_merge *m;
    size_t bytes = 0;
    char *text;

    for (size_t i = 0; i < n; i++)
        bytes += filters[i].n;
    m = mem_zalloc(sizeof(*m) + n * sizeof(m->sources[0]) + bytes);
    m->n = n;
    text = (char *)(m->sources + n);
    for (size_t i = 0; i < n; i++) {
        memcpy(text, filters[i].p, filters[i].n);
        m->sources[i].filter = str_make(text, filters[i].n);
        text += filters[i].n;
    }
    return m;
}

void page_merge_free(struct page_merge *m)
{
    if (!m)
        return;
    for (struct source *s = m->sources; s < m->sources + m->n; s++)
        drop(m, s);
    free(m->gaps);
    free(m);
}
