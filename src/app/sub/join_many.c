#include "app/sub/join_many.h"

#include <stdlib.h>

#include "base/mem.h"
#include "hub/topic.h"

struct join_many {
    struct page_merge *pages;
    struct want_waiter *whole; /* called when all are live */
    struct msgid newest;       /* the highest that was answered */
    size_t n_waiting;
    size_t n; /* filters */
    struct filter_wait {
        struct want_waiter want;
        struct join_many *many;
    } waits[];
};

struct join_many *join_many_create(const struct sub_request *rq)
{
    size_t n = 1 + rq->n_more;
    struct join_many *m = mem_zalloc(sizeof(*m) + n * sizeof(m->waits[0]));
    struct str *filters = mem_array(NULL, n, sizeof(*filters));

    filters[0] = rq->filter;
    memcpy(filters + 1, rq->more, rq->n_more * sizeof(*filters));
    m->n = n;
    m->pages = page_merge_create(filters, n);
    free(filters);
    return m;
}

void join_many_free(struct join_many *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++) {
        if (list_linked(&m->waits[i].want.link))
            list_remove(&m->waits[i].want.link);
    }
    page_merge_free(m->pages);
    free(m);
}

size_t join_many_bytes(const struct join_many *m)
{
    return sizeof(*m) + m->n * (sizeof(m->waits[0]) + TOPIC_MAX);
}

/* ---- until the filters are live ---- */

bool join_filters_are_live(const struct sub *s, bool has_more, bool reads_history)
{
    while (wants_is_live(s, reads_history)) {
        s = has_more ? sub_next(s) : NULL;
        if (!s)
            return true;
    }
    return false;
}

/* The stream begins at the highest id: nothing up to it was promised, and the last answer is not
 * below any message that the worker got before it (broker/want.h). */
static void on_one_live(struct want_waiter *waiter, struct msgid newest)
{
    struct join_many *m = container_of(waiter, struct filter_wait, want)->many;

    m->newest = msgid_later(m->newest, newest);
    if (--m->n_waiting == 0)
        m->whole->fn(m->whole, m->newest);
}

void join_many_wait(struct join_many *m, const struct sub *s, struct want_waiter *waiter)
{
    char filter[TOPIC_MAX];

    m->whole = waiter;
    for (; s; s = sub_next(s)) {
        struct filter_wait *wait = &m->waits[m->n_waiting];

        if (wants_is_live(s, waiter->reads_history))
            continue;
        m->n_waiting++;
        wait->many = m;
        wait->want.fn = on_one_live;
        wait->want.reads_history = waiter->reads_history;
        wants_wait(s, str_make(filter, trie_filter(&s->trie, filter)), &wait->want);
    }
}

/* ---- history ---- */

void join_many_ask(struct join_many *m, struct broker_history *h)
{
    page_merge_ask(m->pages, h);
}

bool join_many_take(struct join_many *m, struct broker_history *h)
{
    return page_merge_take(m->pages, h);
}
