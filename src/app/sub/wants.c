/* wants.c - asks the broker for the messages of a filter when a worker gets its first subscription
 * to it, and tells the broker when the last one has gone.
 *
 * A filter without subscriptions is not known here. A filter with subscriptions is in one of these
 * states:
 *
 *     first subscription          answer             last subscription
 *     ------------------> asked ---------> live ----------------------> not known
 *                           want                       unwant
 *
 * While it is asked for, the struct want is in a table, and its subscriptions wait in a list. When
 * it is live, only two bits in the trie's node remain, which all subscriptions of the filter share.
 * A further subscription to a live filter costs the test of a bit, and no mail.
 *
 * History. A subscription that reads the log next does not need to know where it begins: its first
 * page tells. The broker can answer such a want earlier (reads_history in broker/want.h), but then
 * it may not know an id at which other subscriptions can begin. So there are two bits: LIVE is
 * enough to read the log, and PLACED to begin without it. A subscription without history that meets
 * a filter that is LIVE only asks once more.
 *
 * Leaving. If the last subscription is closed while the want is under way, nothing is sent. The
 * answer finds either new subscriptions, which it serves, or none, and only then the broker is
 * told. So a client that subscribes and unsubscribes in a loop makes one mail for each answer.
 */
#include "app/sub/wants.h"

#include <stdlib.h>

#include "app/conn/conn_input.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "base/table.h"
#include "broker/broker.h"
#include "hub/topic.h"

enum {
    LIVE = 1,   /* all messages come that are published from now on */
    PLACED = 2, /* and those above broker_newest */
};

struct wants {
    struct table asked; /* of struct want, by filter */
    struct siphash_key key;
};

struct want {
    struct broker_want ask;
    struct conn_ref asker;
    struct list waiters;
    size_t bytes; /* of this block */
    char filter[];
};

struct wants *wants_create(void)
{
    struct wants *wants = mem_zalloc(sizeof(*wants));

    wants->key = siphash_key_random();
    return wants;
}

void wants_free(struct wants *wants)
{
    if (!wants)
        return;
    table_done(&wants->asked);
    free(wants);
}

static uint32_t hash_of(const struct wants *wants, struct str filter)
{
    return (uint32_t)siphash(&wants->key, 0, filter);
}

static bool is_for(const void *item, const void *key)
{
    const struct want *want = item;
    const struct str *filter = key;

    return str_eq(want->ask.filter, *filter);
}

static struct want *find(const struct wants *wants, struct str filter)
{
    return table_find(&wants->asked, hash_of(wants, filter), is_for, &filter);
}

bool wants_is_live(const struct sub *s, bool reads_history)
{
    return *trie_sub_mark(&s->trie) & (reads_history ? LIVE : PLACED);
}

/* ---- the answer ---- */

static void end(struct worker *w, struct want *want)
{
    struct conn *c = conn_table_find(&w->conns, want->asker);

    table_remove(&w->wants->asked, want, hash_of(w->wants, want->ask.filter));
    conn_call_ended(w, c, want->bytes);
    free(want);
}

/* Moves the waiters to `ready` that can begin now. Returns true if others are left. */
static bool take_ready(struct want *want, struct list *ready)
{
    list_for_each_safe(link, &want->waiters)
    {
        if (want->ask.reads_history && !container_of(link, struct want_waiter, link)->reads_history)
            continue;
        list_remove(link);
        list_push(ready, link);
    }
    return !list_empty(&want->waiters);
}

static void on_answer(struct mail *m, void *owner)
{
    struct want *want = container_of(container_of(m, struct broker_want, mail), struct want, ask);
    struct worker *w = owner;
    struct msgid newest = want->ask.newest;
    uint8_t *mark = trie_filter_mark(w->trie, want->ask.filter);
    struct list ready, *link;

    if (!mark) { /* all its subscriptions were closed meanwhile */
        broker_unwant(w->context->broker, w->port, want->ask.filter);
        end(w, want);
        return;
    }
    *mark |= want->ask.reads_history ? LIVE : LIVE | PLACED;
    list_init(&ready);
    if (take_ready(want, &ready)) {
        want->ask.reads_history = false;
        broker_want(w->context->broker, &want->ask);
    } else {
        end(w, want);
    }
    while ((link = list_pop(&ready))) {
        struct want_waiter *waiter = container_of(link, struct want_waiter, link);

        waiter->fn(waiter, newest);
    }
}

/* ---- subscriptions ---- */

static struct want *ask(struct conn *c, struct str filter, bool reads_history)
{
    struct worker *w = c->worker;
    struct want *want = mem_zalloc(sizeof(*want) + filter.n);

    memcpy(want->filter, filter.p, filter.n);
    want->bytes = sizeof(*want) + filter.n;
    want->asker = c->ref;
    want->ask.answer = on_answer;
    want->ask.port = w->port;
    want->ask.filter = str_make(want->filter, filter.n);
    want->ask.reads_history = reads_history;
    list_init(&want->waiters);
    table_add(&w->wants->asked, want, hash_of(w->wants, filter));
    conn_call_began(c, want->bytes);
    broker_want(w->context->broker, &want->ask);
    return want;
}

void wants_wait(const struct sub *s, struct str filter, struct want_waiter *waiter)
{
    struct want *want = find(s->conn->worker->wants, filter);

    if (!want)
        want = ask(s->conn, filter, waiter->reads_history);
    list_push(&want->waiters, &waiter->link);
}

void wants_leave(const struct sub *s)
{
    struct worker *w = s->conn->worker;
    char text[TOPIC_MAX];
    struct str filter;

    if (!trie_is_only(&s->trie))
        return;
    filter = str_make(text, trie_filter(&s->trie, text));
    if (!find(w->wants, filter)) /* otherwise the answer finds no subscription */
        broker_unwant(w->context->broker, w->port, filter);
}
