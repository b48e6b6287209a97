/* run.c - live messages of one topic that follow each other go to each subscription as one unit: it
 * is looked up once, and what it sends is made once for all that have the same id.
 */
#include "app/sub/sub.h"

#define RUN_IDS 4 /* of subscriptions; who has another one gets its messages one by one */

struct run_delivery {
    struct message *const *messages;
    size_t n;
    size_t n_units;
    struct unit {
        struct str id;
        const struct sub_writer *writer;
        struct bytes *bytes;
    } units[RUN_IDS];
    uint64_t n_sent; /* subscriptions that got all of it */
    bool is_partial; /* some have not */
};

bool run_goes_on(const struct message *first, const struct message *next)
{
    return !first->legacy && !next->legacy && str_eq(first->topic, next->topic);
}

/* NULL: there is none for it. */
static struct bytes *unit_for(struct run_delivery *r, const struct sub *s)
{
    const struct sub_writer *writer = s->conn->writer;
    struct unit *u = r->units;

    for (; u < r->units + r->n_units; u++) {
        if (u->writer == writer && str_eq(u->id, sub_id(s)))
            return u->bytes;
    }
    if (r->n_units == RUN_IDS || !writer->run)
        return NULL;
    *u = (struct unit){ sub_id(s), writer, writer->run(s, r->messages, r->n) };
    r->n_units++;
    return u->bytes;
}

/* Not those that wait for history, or have the first message from there. */
static bool takes_all(const struct sub *s, const struct run_delivery *r)
{
    return !s->join && msgid_cmp(r->messages[0]->id, s->last) > 0;
}

static void on_match(struct trie_sub *trie, void *arg)
{
    struct sub *s = container_of(trie, struct sub, trie);
    struct run_delivery *r = arg;
    struct bytes *unit = takes_all(s, r) ? unit_for(r, s) : NULL;

    if (!unit) {
        r->is_partial = true;
        return;
    }
    s->last = r->messages[r->n - 1]->id;
    if (conn_send(s->conn, STR(""), &unit->shared, bytes_str(unit)))
        r->n_sent++;
}

static void count(struct worker *w, const struct run_delivery *r)
{
    metrics_add(w->metrics, METRIC_DELIVERIES, (int64_t)(r->n_sent * r->n));
    for (size_t i = 0; i < r->n; i++)
        delivery_observe(w, r->messages[i], r->n_sent);
}

static uint64_t deliver_together(struct worker *w, struct run_delivery *r)
{
    trie_match(w->trie, r->messages[0]->topic, on_match, r);
    for (size_t i = 0; i < r->n_units; i++)
        shared_unref(&r->units[i].bytes->shared);
    count(w, r);
    return r->n_sent * r->n;
}

/* Who got the messages together has them behind it, and is passed over where the others get them.
 */
uint64_t run_to_all(struct worker *w, struct message *const *messages, size_t n)
{
    struct run_delivery r = { .messages = messages, .n = n, .is_partial = true };
    uint64_t cost = 0;

    if (n > 1) {
        r.is_partial = false;
        cost = deliver_together(w, &r);
    }
    for (size_t i = 0; r.is_partial && i < n; i++)
        cost += delivery_to_all(w, messages[i]);
    return cost;
}
