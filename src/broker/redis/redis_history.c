#include "broker/redis/redis_history.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/redis/redis_pool.h"
#include "broker/redis/redis_queue.h"
#include "broker/redis/redis_redirect.h"
#include "broker/redis/redis_reply.h"

#define PAGES_PER_LINK 2 /* under way on one link: Redis runs publishes between two pages */

struct redis_history {
    struct redis_pool *pool;
    struct redis_queue urgent;  /* calls with a deadline */
    struct redis_queue patient; /* calls without one */
    struct list pages;          /* pages for replays, held until the feed has joined again */
    bool is_fencing;            /* for urgent calls, while the feed is not joined */
};

static struct redis_queue *queue_of(struct redis_history *h, const struct broker_call *call)
{
    return call->deadline == 0 ? &h->patient : &h->urgent;
}

/* Removes expired topics from the indexes: the given ones, or (n = 0) the next batch of the sweep.
 * Fire and forget: a later call finds what this one misses. */
static void forget_topics(struct redis_history *h, const struct str *topics, size_t n)
{
    struct redis_link *link = h->pool->links[h->pool->n_lanes];
    struct redis_command c;

    if (!redis_feed_is_joined(h->pool->feed) || !redis_link_can_send(link))
        return;
    redis_command_forget(&c, &h->pool->names, h->pool->config, topics, n);
    redis_link_send(link, &c, (struct redis_done){ 0 });
}

/* ---- pages ---- */

static void release_pages(struct redis_history *h)
{
    struct list *link;

    while ((link = list_pop(&h->pages)))
        core_answer(h->pool->core, container_of(link, struct broker_call, mail.link), BROKER_DONE);
}

/* Called when everything published before the page was read has arrived. While the feed joins
 * again, these messages are still in its backlog and have not reached the ports. */
static void on_caught_up(void *owner, void *arg, enum redis_fate fate,
                         const struct redisReply *reply)
{
    struct redis_history *h = owner;
    struct broker_call *call = arg;

    (void)fate;
    (void)reply;
    if (redis_feed_is_joined(h->pool->feed))
        core_answer(h->pool->core, call, BROKER_DONE);
    else
        list_push(&h->pages, &call->mail.link);
}

static void take_page(struct redis_history *h, struct broker_call *call,
                      const struct redisReply *reply)
{
    struct str gone[REDIS_FORGET_MAX];
    size_t n_gone;

    if (redis_reply_history(reply, &call->history, gone, REDIS_FORGET_MAX, &n_gone) < 0) {
        if (redis_status_is_new_problem(&h->pool->status, "invalid page of history"))
            log_error("redis_history_invalid", LOG_END);
        core_answer(h->pool->core, call, BROKER_NOT_DONE);
        return;
    }
    if (n_gone)
        forget_topics(h, gone, n_gone);
    /* Messages missing from the log may still be on their way through the feed. A replay, which is
     * a call without a port, puts those in their place, so it must not get the page before them. */
    if (!call->port && !call->history.ret_complete)
        redis_feed_catch_up(h->pool->feed, (struct redis_done){ on_caught_up, h, call, 0 });
    else
        core_answer(h->pool->core, call, BROKER_DONE);
}

/* Reports whether the page may be read a moment later, or over another connection: Redis loads,
 * is a replica or runs a long script, or the slot of our keys has moved, is moving or has no owner.
 * Such an error says nothing about the log. */
static bool will_pass(const struct redisReply *error)
{
    return redis_reply_needs_reconnect(error) || redis_reply_has_code(error, "BUSY") ||
           redis_redirect_of(error).kind != REDIS_REDIRECT_NONE ||
           strstr(redis_reply_text(error).p, "non local key"); /* in the middle of a script */
}

static void on_page(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_history *h = owner;
    struct broker_call *call = arg;

    if (fate == REDIS_ANSWERED && !redis_reply_is_error(reply)) {
        take_page(h, call, reply);
        redis_history_pump(h);
        return;
    }
    /* The call is sent again when a link comes up, or with the next tick. */
    if (fate != REDIS_ANSWERED || will_pass(reply))
        redis_queue_push_front(queue_of(h, call), call);
    else
        core_answer(h->pool->core, call, BROKER_NOT_DONE);
    if (fate == REDIS_ANSWERED)
        redis_pool_on_refusal(h->pool, reply);
}

/* ---- sending ---- */

/* Removes the call that has waited longest from its queue. */
static struct broker_call *pop_oldest(struct redis_history *h)
{
    struct broker_call *a = redis_queue_first(&h->urgent);
    struct broker_call *b = redis_queue_first(&h->patient);

    if (a && (!b || a->started_us <= b->started_us))
        return redis_queue_pop(&h->urgent);
    return redis_queue_pop(&h->patient);
}

/* Returns the link with the fewest pages under way; NULL when every link has its share. */
static struct redis_link *pick_link(const struct redis_pool *pool)
{
    struct redis_link *best = NULL;
    size_t least = PAGES_PER_LINK;

    for (size_t i = pool->n_lanes; i < pool->n_links; i++) {
        struct redis_link *l = pool->links[i];

        if (redis_link_can_send(l) && redis_link_unanswered(l) < least) {
            best = l;
            least = redis_link_unanswered(l);
        }
    }
    return best;
}

static void send(struct redis_history *h, struct redis_link *link, struct broker_call *call)
{
    struct redis_command c;

    redis_command_history(&c, &h->pool->names, h->pool->config, &call->history);
    redis_link_send(link, &c, (struct redis_done){ on_page, h, call, call->deadline });
}

/* The link leads to a Redis whose ids are fenced. Its connection has just brought the answer, so
 * the pages are read there and nowhere else. If the fence failed, the next tick or link repeats
 * it. */
static void on_fenced(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_history *h = owner;
    struct redis_link *link = arg;
    struct broker_call *call;

    h->is_fencing = false;
    if (fate != REDIS_ANSWERED)
        return;
    if (redis_reply_is_error(reply)) {
        redis_pool_on_refusal(h->pool, reply);
        return;
    }
    if (!redis_feed_take_fence(h->pool->feed, reply))
        return;
    while (redis_link_can_send(link) && redis_link_unanswered(link) < PAGES_PER_LINK &&
           (call = redis_queue_pop(&h->urgent)))
        send(h, link, call);
    redis_history_pump(h);
}

/* Without a joined feed nothing has made sure that Redis still knows the ids that this node knows.
 * So each batch of calls is preceded by a fence of its own. */
static void fence(struct redis_history *h)
{
    struct redis_link *link;

    if (h->is_fencing || !redis_queue_first(&h->urgent) || !redis_feed_may_fence(h->pool->feed) ||
        !(link = pick_link(h->pool)))
        return;
    h->is_fencing = true;
    redis_feed_send_fence(h->pool->feed, link, (struct redis_done){ on_fenced, h, link, 0 });
}

void redis_history_pump(struct redis_history *h)
{
    struct redis_link *link;
    struct broker_call *call;

    if (!redis_feed_is_joined(h->pool->feed)) {
        fence(h);
        return;
    }
    release_pages(h);
    while ((link = pick_link(h->pool)) && (call = pop_oldest(h)))
        send(h, link, call);
}

void redis_history_take(struct redis_history *h, struct broker_call *call)
{
    redis_queue_push(queue_of(h, call), call);
    redis_history_pump(h);
}

void redis_history_sweep(struct redis_history *h)
{
    forget_topics(h, NULL, 0);
}

/* ---- open and close ---- */

struct redis_history *redis_history_create(struct redis_pool *pool)
{
    struct redis_history *h = mem_zalloc(sizeof(*h));

    h->pool = pool;
    redis_queue_init(&h->urgent, pool->core);
    redis_queue_init(&h->patient, pool->core);
    list_init(&h->pages);
    return h;
}

void redis_history_free(struct redis_history *h)
{
    release_pages(h);
    redis_queue_done(&h->urgent);
    redis_queue_done(&h->patient);
    free(h);
}
