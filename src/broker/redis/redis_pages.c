/* redis_pages.c - when a page that Redis answered a moment ago answers another question, too.
 *
 * The problem: a node that has just begun, or that had nobody on a topic, has none of the topic's
 * last messages in memory (redis_tail.c). When a crowd comes, questions that are the same share an
 * answer only while that is under way, and each new id ends even this.
 *
 * The idea: the page is what the log had between its point and its snapshot end. Later messages
 * came through the feed, and the tail has them:
 *
 *       point                 snapshot end         high_water
 *     ----|------ 5 -- 7 -----------|------- 9 --------|------------> ids
 *         |       the page          |     the tail     |  still to come
 *
 * If the feed has not brought everything up to the snapshot end yet, the answer is the page alone
 * and ends where the page ends. Everything above is still to come, unless a replay has already
 * posted some of it to the worker that asks (see redis_tail.c).
 *
 * The new question's point is the point of the page or one of its messages. A complete page says
 * nothing about any other point, even between these: that id may be from a history that
 * Redis has lost, and then the answer is not complete.
 *
 * The log may have changed since the page was read: messages expire. So a page is kept for a
 * second, and a client gets a message at most that long after it has expired.
 */
#include "broker/redis/redis_pages.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "base/table.h"
#include "hub/message.h"
#include "hub/topic.h"

#define SLOT_BYTES 48 /* of a page in the table, while that grows */

struct page {
    struct list link; /* in the list by age */
    uint64_t read_ms;
    uint64_t clears; /* of the tail, when the page was read */
    struct msgid point;
    struct msgid end;
    uint32_t hash;
    size_t bytes;
    struct str topic; /* follows the messages in the same block */
    size_t n;
    struct message *messages[];
};

struct redis_pages {
    const struct redis_tail *tail;
    size_t max_bytes;
    struct siphash_key hash_key;
    struct table table; /* by topic; a topic has one page for each point */
    struct list by_age; /* oldest first */
    size_t bytes;
};

static uint32_t hash_of(const struct redis_pages *p, struct str topic)
{
    return (uint32_t)siphash(&p->hash_key, 0, topic);
}

static bool is_plain(const struct broker_history *h)
{
    return !filter_is_pattern(h->filter) && h->since == 0 && h->newest == 0 && !h->latest &&
           msgid_is_zero(h->snapshot_end);
}

/* Returns how many messages of the page are up to the point; -1: it says nothing about this one. */
static int find_point(const struct page *page, struct msgid point)
{
    if (msgid_cmp(page->point, point) == 0)
        return 0;
    for (size_t i = 0; i < page->n; i++) {
        if (msgid_cmp(page->messages[i]->id, point) == 0)
            return (int)i + 1;
    }
    return -1;
}

static bool is_for(const void *item, const void *key)
{
    const struct page *page = item;
    const struct broker_history *h = key;

    return str_eq(page->topic, h->filter) && find_point(page, h->after) >= 0;
}

static bool has_point(const void *item, const void *key)
{
    const struct page *page = item;
    const struct broker_history *h = key;

    return str_eq(page->topic, h->filter) && msgid_cmp(page->point, h->after) == 0;
}

static void drop(struct redis_pages *p, struct page *page)
{
    list_remove(&page->link);
    table_remove(&p->table, page, page->hash);
    p->bytes -= page->bytes;
    for (size_t i = 0; i < page->n; i++)
        message_unref(page->messages[i]);
    free(page);
}

void redis_pages_expire(struct redis_pages *p, uint64_t now_ms)
{
    struct list *oldest;

    while ((oldest = list_first(&p->by_age))) {
        struct page *page = container_of(oldest, struct page, link);

        if (p->bytes <= p->max_bytes && now_ms - page->read_ms < REDIS_PAGES_MS &&
            page->clears == redis_tail_clears(p->tail))
            return;
        drop(p, page);
    }
}

static bool is_of_topic(const void *item, const void *key)
{
    return str_eq(((const struct page *)item)->topic, *(const struct str *)key);
}

void redis_pages_purge(struct redis_pages *p, struct str topic)
{
    struct page *page;

    while ((page = table_find(&p->table, hash_of(p, topic), is_of_topic, &topic)))
        drop(p, page);
}

/* ---- pages ---- */

static struct page *make_page(const struct redis_pages *p, const struct broker_history *asked,
                              const struct broker_history *answer)
{
    size_t size = sizeof(struct page) + answer->ret_n * sizeof(struct message *);
    struct page *page = mem_zalloc(size + asked->filter.n);

    page->point = asked->after;
    page->end = answer->snapshot_end;
    page->topic = str_make((char *)page + size, asked->filter.n);
    memcpy((char *)page + size, asked->filter.p, asked->filter.n);
    page->hash = hash_of(p, page->topic);
    page->bytes = mem_size(page) + SLOT_BYTES;
    page->n = answer->ret_n;
    for (size_t i = 0; i < page->n; i++) {
        page->messages[i] = message_ref(answer->ret_items[i]);
        page->bytes += mem_size(page->messages[i]);
    }
    return page;
}

void redis_pages_add(struct redis_pages *p, const struct broker_history *asked,
                     const struct broker_history *answer, uint64_t now_ms)
{
    struct page *page, *other;
    size_t bytes = 0;

    if (!is_plain(asked) || !answer->ret_complete || answer->ret_more ||
        answer->ret_n > REDIS_PAGES_ENTRIES)
        return;
    for (size_t i = 0; i < answer->ret_n; i++)
        bytes += answer->ret_items[i]->body.n;
    if (bytes > REDIS_PAGES_PAGE_BYTES)
        return;
    other = table_find(&p->table, hash_of(p, asked->filter), has_point, asked);
    if (other)
        drop(p, other);
    page = make_page(p, asked, answer);
    page->read_ms = now_ms;
    page->clears = redis_tail_clears(p->tail);
    p->bytes += page->bytes;
    table_add(&p->table, page, page->hash);
    list_push(&p->by_age, &page->link);
    redis_pages_expire(p, now_ms);
}

/* ---- questions ---- */

/* Asks the tail for what came after the page. The first `skip` messages of the page are not wanted.
 * Returns false if the whole answer is not certain, or does not fit. */
static bool go_on(const struct page *page, size_t skip, const struct redis_tail *tail,
                  struct broker_history *rest, const struct redis_tail_marks *marks)
{
    size_t max_entries = rest->max_entries ? rest->max_entries : BROKER_PAGE_ENTRIES;
    size_t max_bytes = rest->max_bytes ? rest->max_bytes : BROKER_PAGE_BYTES;
    size_t bytes = 0;

    for (size_t i = skip; i < page->n; i++)
        bytes += page->messages[i]->body.n;
    if (page->n - skip >= max_entries || bytes >= max_bytes)
        return false;
    rest->after = page->end;
    if (msgid_cmp(page->end, marks->high_water) >= 0) {
        rest->snapshot_end = page->end;
        rest->ret_complete = true;
        return msgid_cmp(marks->from, page->end) <= 0 && msgid_cmp(marks->posted, page->end) <= 0;
    }
    rest->max_entries = (uint32_t)(max_entries - (page->n - skip));
    rest->max_bytes = (uint32_t)(max_bytes - bytes);
    return redis_tail_answer(tail, rest, marks);
}

bool redis_pages_answer(struct redis_pages *p, struct broker_history *h,
                        const struct redis_tail_marks *marks)
{
    struct broker_history rest = *h;
    struct page *page;
    struct message **items;
    size_t skip, n;

    redis_pages_expire(p, marks->now_ms);
    if (!is_plain(h) || !(page = table_find(&p->table, hash_of(p, h->filter), is_for, h)))
        return false;
    skip = (size_t)find_point(page, h->after);
    n = page->n - skip;
    if (!go_on(page, skip, p->tail, &rest, marks))
        return false;
    items = mem_array(NULL, n + rest.ret_n + 1, sizeof(items[0]));
    for (size_t i = 0; i < n; i++)
        items[i] = message_ref(page->messages[skip + i]);
    if (rest.ret_n)
        memcpy(items + n, rest.ret_items, rest.ret_n * sizeof(items[0]));
    free(rest.ret_items);
    rest.ret_items = items;
    rest.ret_n += n;
    rest.max_entries = h->max_entries;
    rest.max_bytes = h->max_bytes;
    *h = rest;
    return true;
}

/* ---- lifetime ---- */

struct redis_pages *redis_pages_create(const struct redis_tail *tail, size_t max_bytes)
{
    struct redis_pages *p = mem_zalloc(sizeof(*p));

    p->tail = tail;
    p->max_bytes = max_bytes;
    p->hash_key = siphash_key_random();
    list_init(&p->by_age);
    return p;
}

void redis_pages_free(struct redis_pages *p)
{
    struct list *oldest;

    if (!p)
        return;
    while ((oldest = list_first(&p->by_age)))
        drop(p, container_of(oldest, struct page, link));
    table_done(&p->table);
    free(p);
}

size_t redis_pages_bytes(const struct redis_pages *p)
{
    return p->bytes;
}
