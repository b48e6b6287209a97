/* redis_wants.c - when a worker may tell a client that it is subscribed.
 *
 * The problem: a client that is told "ok, from id 7 on" gets every message above 7. The node must
 * know that id, but it sees only its own channels. While it was not subscribed to `a`, it did not
 * see 8 on `a`; and what it knows itself, say 7, from other topics, is too low:
 *
 *     node                          Redis
 *     knows 7                       PUBLISH a, id 8: nobody listens
 *     SUBSCRIBE a    ------------->
 *                    <------------- confirmed: from here on nothing on `a` is missed
 *     GET id         ------------->
 *                    <------------- 8: the *position*. "ok, from id 8 on"
 *
 * So a want passes through two lists: it waits until its filter is live, then for a position that
 * was asked for after that. All wants of a turn share one GET. A subscription that reads the log
 * next (reads_history) gets its position from there, and needs no GET.
 *
 * While the feed joins, the log takes the place of the GET. After the fence the node reads what it
 * missed, for all filters that are wanted by then. So a filter that is live when the fence is sent
 * needs no position: what came before, the replay brings. If the feed is not connected, it will
 * subscribe to all wanted filters before it sends a fence, and wants are answered at once.
 *
 *     state      filter not live        live: answered with
 *     AWAY       answered               the newest id that the node knows
 *     OPEN       waits for Redis        the same
 *     FENCING    waits for Redis        the same, if it was live when the fence was sent;
 *                                       else it waits until the feed has joined, or not (OPEN)
 *     JOINED     waits for Redis        the same, if a position was asked for since it is live;
 *                                       else with the next position
 *
 * If no link brings a position, the feed joins again: a state in which none is needed. A position
 * that was asked for before a join is ignored after it: it may come from an old master, which knows
 * ids that the new one has not issued.
 */
#include "broker/redis/redis_wants.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/fanout.h"
#include "broker/port.h"
#include "broker/redis/redis_reply.h"

#define FENCE_MS 1000

struct waiting {
    struct list wants;
    struct str filter; /* follows the struct in the same block */
};

static struct broker_want *want_of(struct list *link)
{
    return container_of(link, struct broker_want, mail.link);
}

static void answer(struct redis_wants *w, struct broker_want *want, struct msgid newest)
{
    core_answer_want(w->config.core, want, newest);
}

static void answer_list(struct redis_wants *w, struct list *wants, struct msgid newest)
{
    struct list *link;

    while ((link = list_pop(wants)))
        answer(w, want_of(link), newest);
}

/* ---- wants that wait for Redis's confirmation ---- */

static bool is_for(const void *item, const void *key)
{
    return str_eq(((const struct waiting *)item)->filter, *(const struct str *)key);
}

static uint32_t hash(const struct redis_wants *w, struct str filter)
{
    return (uint32_t)siphash(&w->key, 0, filter);
}

static struct waiting *find(const struct redis_wants *w, struct str filter)
{
    return table_find(&w->waiting, hash(w, filter), is_for, &filter);
}

static void wait_for_confirmation(struct redis_wants *w, struct broker_want *want)
{
    struct waiting *at = find(w, want->filter);

    if (!at) {
        at = mem_zalloc(sizeof(*at) + want->filter.n);
        memcpy(at + 1, want->filter.p, want->filter.n);
        at->filter = str_make((char *)(at + 1), want->filter.n);
        list_init(&at->wants);
        table_add(&w->waiting, at, hash(w, at->filter));
    }
    list_push(&at->wants, &want->mail.link);
}

static void end_waiting(struct redis_wants *w, struct waiting *at)
{
    table_remove(&w->waiting, at, hash(w, at->filter));
    free(at);
}

/* ---- wants whose filters are live ---- */

/* Answers the want, or lets it wait for a position. */
static void take_live(struct redis_wants *w, struct broker_want *want)
{
    bool is_placed = redis_channels_live(w->config.subscriber->channels) <= w->placed;

    if (want->reads_history || w->state <= WANTS_OPEN || (is_placed && !w->is_asking)) {
        answer(w, want, (struct msgid){ 0 });
        return;
    }
    list_push(is_placed ? &w->asked : &w->unplaced, &want->mail.link);
    loop_flush_later(w->config.core->loop, &w->place);
    if (w->waits_since_ms == 0)
        w->waits_since_ms = loop_now(w->config.core->loop);
}

void redis_wants_on_live(struct redis_wants *w, struct str filter)
{
    struct waiting *at = find(w, filter);
    struct list *link;

    if (!at)
        return;
    while ((link = list_pop(&at->wants)))
        take_live(w, want_of(link));
    end_waiting(w, at);
}

/* A position that is under way no longer counts. */
static void answer_live(struct redis_wants *w)
{
    answer_list(w, &w->asked, (struct msgid){ 0 });
    answer_list(w, &w->unplaced, (struct msgid){ 0 });
    w->waits_since_ms = 0;
    w->is_asking = false;
    w->n_asked++;
}

/* ---- positions ---- */

static void on_position(void *owner, void *arg, enum redis_fate fate,
                        const struct redisReply *reply)
{
    struct redis_wants *w = owner;
    struct msgid position;

    if ((uintptr_t)arg != w->n_asked)
        return;
    w->is_asking = false;
    if (fate != REDIS_ANSWERED || redis_reply_position(reply, &position) < 0) {
        list_take(&w->unplaced, &w->asked); /* the next link, or the next tick, asks again */
        w->placed = 0;
        return;
    }
    redis_channels_place(w->config.subscriber->channels, w->placed, position);
    answer_list(w, &w->asked, position);
    w->waits_since_ms = list_empty(&w->unplaced) ? 0 : loop_now(w->config.core->loop);
    redis_wants_pump(w);
}

static void on_place(struct loop_task *task)
{
    struct redis_wants *w = container_of(task, struct redis_wants, place);
    struct redis_link *link;
    struct redis_command c;

    if (w->state != WANTS_JOINED || w->is_asking || list_empty(&w->unplaced) ||
        !(link = w->config.pick(w->config.owner)))
        return;
    list_take(&w->asked, &w->unplaced);
    w->placed = redis_channels_live(w->config.subscriber->channels);
    w->is_asking = true;
    redis_command_position(&c, w->config.names);
    redis_link_send(link, &c, (struct redis_done){ on_position, w, (void *)++w->n_asked, 0 });
}

void redis_wants_pump(struct redis_wants *w)
{
    loop_flush_later(w->config.core->loop, &w->place);
}

bool redis_wants_is_late(struct redis_wants *w, uint64_t timeout_ms)
{
    uint64_t patience_ms = w->state == WANTS_FENCING ? w->fence_ms : timeout_ms;

    if (!w->waits_since_ms || loop_now(w->config.core->loop) - w->waits_since_ms < patience_ms)
        return false;
    w->fence_ms *= 2; /* a Redis that is slow, but answers, lets the feed join at last */
    return true;
}

/* ---- states ---- */

static void answer_waiting(struct redis_wants *w)
{
    for (size_t i = 0; i < w->waiting.cap; i++) {
        struct waiting *at = w->waiting.slots[i].item;

        if (!at)
            continue;
        answer_list(w, &at->wants, (struct msgid){ 0 });
        free(at);
    }
    table_done(&w->waiting);
}

void redis_wants_enter(struct redis_wants *w, enum redis_wants_state state)
{
    w->state = state;
    if (state == WANTS_AWAY)
        answer_waiting(w);
    if (state <= WANTS_OPEN)
        answer_live(w);
    if (state == WANTS_JOINED) {
        w->fence_ms = FENCE_MS;
        redis_wants_pump(w);
    }
    if (state == WANTS_FENCING)
        w->placed = redis_channels_live(w->config.subscriber->channels);
}

/* ---- what the workers ask for ---- */

void redis_wants_take(struct redis_wants *w, struct broker_want *want)
{
    bool is_live;

    (void)interest_add(w->interest, want->filter, want->port->index);
    is_live = redis_subscriber_want(w->config.subscriber, want->filter);
    if (w->state == WANTS_AWAY || is_live)
        take_live(w, want);
    else
        wait_for_confirmation(w, want);
}

/* Once the subscriber no longer wants the filter, it does not report it as live. */
void redis_wants_drop(struct redis_wants *w, const struct broker_port *port, struct str filter)
{
    struct waiting *at = find(w, filter);

    if (!interest_remove(w->interest, filter, port->index))
        return;
    redis_subscriber_unwant(w->config.subscriber, filter);
    if (!at)
        return;
    answer_list(w, &at->wants, (struct msgid){ 0 });
    end_waiting(w, at);
}

void redis_wants_init(struct redis_wants *w, const struct redis_wants_config *config)
{
    *w = (struct redis_wants){ .config = *config, .place.fn = on_place };
    w->interest = interest_create();
    w->key = siphash_key_random();
    w->fence_ms = FENCE_MS;
    list_init(&w->unplaced);
    list_init(&w->asked);
}

void redis_wants_done(struct redis_wants *w)
{
    redis_wants_enter(w, WANTS_AWAY);
    loop_cancel(&w->place);
    interest_free(w->interest);
}
