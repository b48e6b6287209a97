/* redis_history.c - pages of the log. Questions wait in two queues, with a deadline and without,
 * that all history connections take from: a page at a time, oldest question first, so that one
 * client's long history delays nobody.
 */
#include "broker/redis/redis_pool.h"

#include "base/log.h"
#include "broker/redis/redis_reply.h"

#define PAGES_A_LINK 2 /* under way on one connection: publishes have their turn in between */

/* Topics that a reader found without a log, or (none) the next step of the sweep. Nobody waits for
 * it, and what one call misses, a later one finds. */
static void forget(struct redis_engine *e, const struct str *topics, size_t n)
{
    struct redis_link *link = e->readers[0];
    struct redis_command c;

    if (!redis_feed_is_joined(e->feed) || !redis_link_can_send(link))
        return;
    redis_command_forget(&c, &e->names, topics, n);
    redis_link_send(link, &c, (struct redis_done){ 0 });
}

static struct redis_queue *history_queue(struct redis_engine *e, const struct broker_call *call)
{
    return call->deadline == 0 ? &e->patient : &e->urgent;
}

/* While the feed joins again, what came in has not reached the ports yet. */
static void on_caught_up(void *owner, void *arg, enum redis_fate fate,
                         const struct redisReply *reply)
{
    struct redis_engine *e = owner;
    struct broker_call *call = arg;

    (void)fate;
    (void)reply;
    if (redis_feed_is_joined(e->feed))
        core_answer(e->core, call, BROKER_DONE);
    else
        list_push(&e->pages, &call->mail.link);
}

static void give_pages(struct redis_engine *e)
{
    struct list *link;

    while ((link = list_pop(&e->pages)))
        core_answer(e->core, container_of(link, struct broker_call, mail.link), BROKER_DONE);
}

/* What the log has lost may still be on its way to us, and a replay puts it in its place. */
static bool waits_for_feed(const struct broker_call *call)
{
    return !call->port && !call->history.ret_complete;
}

static void take_page(struct redis_engine *e, struct broker_call *call,
                      const struct redisReply *reply)
{
    struct str gone[REDIS_FORGET_MAX];
    size_t n_gone;

    if (redis_reply_history(reply, &call->history, gone, REDIS_FORGET_MAX, &n_gone) < 0) {
        if (redis_notice_is_new(&e->refusal, "a page of history that is none"))
            log_error("redis_history_invalid", LOG_END);
        core_answer(e->core, call, BROKER_NOT_DONE);
        return;
    }
    if (n_gone)
        forget(e, gone, n_gone);
    if (waits_for_feed(call))
        redis_feed_catch_up(e->feed, (struct redis_done){ on_caught_up, e, call, 0 });
    else
        core_answer(e->core, call, BROKER_DONE);
}

/* Reading again does no harm: what another connection, or a moment later, may answer is asked
 * again when a connection comes up, or with the next tick (BUSY: a script runs for too long). */
static bool may_be_asked_again(enum redis_fate fate, const struct redisReply *reply)
{
    return fate != REDIS_ANSWERED || redis_reply_needs_reconnect(reply) ||
           redis_reply_has_code(reply, "BUSY");
}

static void on_page(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_engine *e = owner;
    struct broker_call *call = arg;

    if (fate == REDIS_ANSWERED && !redis_reply_is_error(reply)) {
        take_page(e, call, reply);
        redis_history_pump(e);
        return;
    }
    if (may_be_asked_again(fate, reply))
        redis_queue_push_front(history_queue(e, call), call);
    else
        core_answer(e->core, call, BROKER_NOT_DONE);
    if (fate == REDIS_ANSWERED)
        redis_engine_on_refusal(e, reply);
}

/* The one of both queues that waits longest. */
static struct broker_call *next_question(struct redis_engine *e)
{
    struct broker_call *a = redis_queue_first(&e->urgent);
    struct broker_call *b = redis_queue_first(&e->patient);

    if (a && (!b || a->started_us <= b->started_us))
        return redis_queue_pop(&e->urgent);
    return redis_queue_pop(&e->patient);
}

/* The history connection with the least to do; NULL when all have enough. */
static struct redis_link *free_reader(const struct redis_engine *e)
{
    struct redis_link *best = NULL;
    size_t least = PAGES_A_LINK;

    for (size_t i = 0; i < e->n_readers; i++) {
        if (redis_link_can_send(e->readers[i]) && redis_link_unanswered(e->readers[i]) < least) {
            best = e->readers[i];
            least = redis_link_unanswered(best);
        }
    }
    return best;
}

void redis_history_pump(struct redis_engine *e)
{
    struct redis_command c;
    struct redis_link *link;
    struct broker_call *call;

    if (redis_feed_is_joined(e->feed))
        give_pages(e);
    while (redis_feed_is_joined(e->feed) && (link = free_reader(e)) && (call = next_question(e))) {
        redis_command_history(&c, &e->names, e->config, &call->history);
        redis_link_send(link, &c, (struct redis_done){ on_page, e, call, call->deadline });
    }
}

void redis_history_take(struct redis_engine *e, struct broker_call *call)
{
    redis_queue_push(history_queue(e, call), call);
    redis_history_pump(e);
}

void redis_history_sweep(struct redis_engine *e)
{
    forget(e, NULL, 0);
}

void redis_history_close(struct redis_engine *e)
{
    give_pages(e);
    redis_queue_done(&e->urgent);
    redis_queue_done(&e->patient);
}
