/* redis_history.c - how calls for pages of the log become commands to Redis.
 *
 * The problem: after an outage thousands of clients ask at once, each for a topic of its own or all
 * for the same one. A script call a client costs Redis more than the reading.
 *
 * The idea: a call for one topic is a *question*. One command asks up to REDIS_QUESTIONS_MAX of
 * them, and equal questions are one. Here the calls wait in the order a b a c, and b is answered
 * "again" because the script had done enough:
 *
 *     waiting a b a c      command [a a] [b] [c]      answers [page] again [page]      waiting b
 *
 * A question may also be shared while its command is under way, if nothing can have been published
 * between the script and the call: no id was learned since the command was sent. Then the snapshot
 * end is not below any live message that passed before the call came. Only joins share like this.
 * An `eventlog` must contain everything that was published before it, also by another node.
 *
 * A call for a pattern reads the logs of many topics. It has a command of its own.
 */
#include "broker/redis/redis_history.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/gaps.h"
#include "broker/port.h"
#include "broker/redis/redis_pages.h"
#include "broker/redis/redis_channels.h"
#include "broker/redis/redis_pool.h"
#include "broker/redis/redis_questions.h"
#include "broker/redis/redis_queue.h"
#include "broker/redis/redis_redirect.h"
#include "broker/redis/redis_reply.h"
#include "hub/topic.h"

#define PAGES_PER_LINK 2  /* commands under way on one link: Redis runs publishes between two */
#define SPREAD_MS      50 /* between the deadlines of one command */

struct redis_history {
    struct redis_pool *pool;
    struct redis_queue urgent;  /* calls with a deadline */
    struct redis_queue patient; /* calls without one */
    struct list under_way;      /* struct redis_questions */
    struct list pages;          /* pages for replays, held until the feed has joined again */
    struct redis_pages *recent; /* which Redis has answered a moment ago */
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
        core_answer(h->pool->core, redis_queue_call(link), BROKER_DONE);
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

static void finish(struct redis_history *h, struct broker_call *call)
{
    /* Messages missing from the log may still be on their way through the feed. A replay, which is
     * a call without a port, puts those in their place, so it must not get the page before them. */
    if (!call->port && !call->history.ret_complete)
        redis_feed_catch_up(h->pool->feed, (struct redis_done){ on_caught_up, h, call, 0 });
    else
        core_answer(h->pool->core, call, BROKER_DONE);
}

/* Makes `to` the same answer as `from`, with references of its own. */
static void copy_answer(struct broker_history *to, const struct broker_history *from)
{
    struct str filter = to->filter;

    *to = *from;
    to->filter = filter;
    to->ret_items = mem_array(NULL, from->ret_n, sizeof(to->ret_items[0]));
    for (size_t i = 0; i < from->ret_n; i++)
        to->ret_items[i] = message_ref(from->ret_items[i]);
    if (from->ret_gaps)
        to->ret_gaps = gaps_create(from->ret_gaps->topics, from->ret_gaps->n);
}

static void answer(struct redis_history *h, struct broker_call *call, enum broker_status status)
{
    if (status == BROKER_DONE)
        finish(h, call);
    else
        core_answer(h->pool->core, call, status);
}

/* Answers all calls of a question. Those behind the first, which has the page, get copies of it. */
static void answer_all(struct redis_history *h, struct redis_question *q, enum broker_status status)
{
    struct broker_call *first = redis_question_call(q);

    list_for_each_safe(link, &q->calls)
    {
        struct broker_call *call = redis_queue_call(link);

        if (call == first)
            continue;
        list_remove(link);
        if (status == BROKER_DONE) {
            copy_answer(&call->history, &first->history);
            metrics_inc(h->pool->core->config.metrics, METRIC_HISTORY_SHARED);
        }
        answer(h, call, status);
    }
    list_remove(&first->mail.link);
    answer(h, first, status);
}

/* Puts the calls back in front of their queues, in the order in which they were taken. */
static void wait_again(struct redis_history *h, struct redis_questions *a)
{
    for (size_t i = a->n; i-- > 0;) {
        while (!list_empty(&a->questions[i].calls)) {
            struct broker_call *call = redis_queue_call(a->questions[i].calls.prev);

            list_remove(&call->mail.link);
            redis_queue_push_front(queue_of(h, call), call);
        }
    }
}

/* Answers the calls of each question that has an answer. The topics whose logs are gone, over all
 * questions, leave the indexes. */
static void take_answers(struct redis_history *h, struct redis_questions *a,
                         const struct redisReply *reply)
{
    struct str gone[REDIS_FORGET_MAX];
    size_t n_gone = 0, more;

    for (size_t i = 0; i < a->n; i++) {
        struct redis_question *q = &a->questions[i];
        const struct redisReply *page = redis_reply_answer(reply, a->n, i);
        struct broker_history *history = &redis_question_call(q)->history, asked = *history;

        if (page && i > 0 && redis_reply_is_again(page)) /* the first one always has an answer */
            continue;
        if (page && redis_reply_history(page, history, gone + n_gone, REDIS_FORGET_MAX - n_gone,
                                        &more) == EH_OK) {
            n_gone += more;
            redis_channels_place_topic(redis_feed_channels(h->pool->feed), history->filter,
                                       a->n_live, history->snapshot_end);
            redis_pages_add(h->recent, &asked, history, loop_now(h->pool->core->loop));
            answer_all(h, q, BROKER_DONE);
            continue;
        }
        if (redis_status_is_new_problem(&h->pool->status, "invalid page of history"))
            log_error("redis_history_invalid", LOG_END);
        answer_all(h, q, BROKER_NOT_DONE);
    }
    if (n_gone)
        forget_topics(h, gone, n_gone);
    wait_again(h, a);
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

static void on_answers(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_history *h = owner;
    struct redis_questions *a = arg;
    bool is_refused = fate == REDIS_ANSWERED && redis_reply_is_error(reply);

    list_remove(&a->link);
    if (fate == REDIS_ANSWERED && !is_refused) {
        take_answers(h, a, reply);
        redis_history_pump(h);
    } else if (fate != REDIS_ANSWERED || will_pass(reply)) {
        wait_again(h, a); /* until a link comes up, or for the next tick */
    } else {
        for (size_t i = 0; i < a->n; i++)
            answer_all(h, &a->questions[i], BROKER_NOT_DONE);
    }
    free(a);
    if (is_refused)
        redis_pool_on_refusal(h->pool, reply);
}

/* ---- sending ---- */

/* Returns the queue of the call that has waited longest; NULL: none waits. */
static struct redis_queue *oldest_queue(struct redis_history *h, bool only_urgent)
{
    struct broker_call *a = redis_queue_first(&h->urgent);
    struct broker_call *b = only_urgent ? NULL : redis_queue_first(&h->patient);

    if (a && (!b || a->started_us <= b->started_us))
        return &h->urgent;
    return b ? &h->patient : NULL;
}

/* Takes the calls that have waited longest and makes one command for them, which has the deadline
 * of the last one. NULL: none waits. */
static struct redis_questions *collect(struct redis_history *h, bool only_urgent)
{
    struct redis_queue *queue = oldest_queue(h, only_urgent);
    struct broker_call *call = queue ? redis_queue_first(queue) : NULL;
    struct redis_questions *a;
    uint64_t latest;
    bool is_pattern = false;

    if (!call)
        return NULL;
    a = mem_zalloc(sizeof(*a));
    latest = call->deadline + SPREAD_MS;
    while (!is_pattern && (call = redis_queue_first(queue)) && call->deadline <= latest) {
        struct redis_question *equal = redis_questions_find(a, call);

        is_pattern = filter_is_pattern(call->history.filter);
        if (!equal && a->n > 0 && (is_pattern || a->n == REDIS_QUESTIONS_MAX))
            break;
        (void)redis_queue_pop(queue);
        a->deadline = call->deadline;
        if (equal)
            redis_question_join(equal, call);
        else
            redis_questions_add(a, call);
    }
    if (queue == &h->patient)
        redis_questions_share(a, queue);
    return a;
}

/* Adds the call to a question under way that has the same answer. */
static bool share_under_way(struct redis_history *h, struct broker_call *call)
{
    struct msgid newest = core_newest(h->pool->core);

    list_for_each(link, &h->under_way)
    {
        struct redis_questions *a = container_of(link, struct redis_questions, link);
        bool is_patient = call->deadline == 0 && a->deadline == 0;
        struct redis_question *q = is_patient ? redis_questions_find(a, call) : NULL;

        if (q && msgid_cmp(a->newest, newest) == 0) {
            redis_question_join(q, call);
            return true;
        }
    }
    return false;
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

static void send(struct redis_history *h, struct redis_link *link, struct redis_questions *a)
{
    const struct broker_history *questions[REDIS_QUESTIONS_MAX];
    struct metrics_cell *metrics = h->pool->core->config.metrics;
    struct redis_command c;

    for (size_t i = 0; i < a->n; i++)
        questions[i] = &redis_question_call(&a->questions[i])->history;
    metrics_add(metrics, METRIC_HISTORY_QUESTIONS, (int64_t)a->n);
    metrics_inc(metrics, METRIC_HISTORY_COMMANDS);
    a->newest = core_newest(h->pool->core);
    a->n_live = redis_channels_live(redis_feed_channels(h->pool->feed));
    list_push(&h->under_way, &a->link);
    redis_questions_command(&c, &h->pool->names, h->pool->config, questions, a->n);
    redis_link_send(link, &c, (struct redis_done){ on_answers, h, a, a->deadline });
}

/* The link leads to a Redis whose ids are fenced. Its connection has just brought the answer, so
 * the pages are read there and nowhere else. If the fence failed, the next tick or link repeats
 * it. */
static void on_fenced(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_history *h = owner;
    struct redis_link *link = arg;
    struct redis_questions *a;

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
           (a = collect(h, true)))
        send(h, link, a);
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
    struct redis_questions *a;

    if (!redis_feed_is_joined(h->pool->feed)) {
        fence(h);
        return;
    }
    release_pages(h);
    while ((link = pick_link(h->pool)) && (a = collect(h, false)))
        send(h, link, a);
}

/* Answers a subscription that joins, if the last live messages are all that it needs, or all that
 * came after a page that Redis has just answered. A question with a deadline (an eventlog) goes to
 * Redis: its answer must contain what was published before, even if the feed has not brought it. */
static bool answer_from_memory(struct redis_history *h, struct broker_call *call)
{
    struct redis_pool *p = h->pool;
    struct redis_tail_marks marks;

    if (!call->port || call->deadline != 0 || !p->config->cache || !redis_feed_is_joined(p->feed))
        return false;
    marks = (struct redis_tail_marks){
        .high_water = p->core->high_water,
        .posted = call->port->outbox.high_water,
        .now_ms = loop_now(p->core->loop),
    };
    if (!redis_channels_brings_from(redis_feed_channels(p->feed), call->history.filter,
                                    &marks.from) ||
        (!redis_tail_answer(p->tail, &call->history, &marks) &&
         !redis_pages_answer(h->recent, &call->history, &marks))) {
        metrics_inc(p->core->config.metrics, METRIC_TAIL_MISSES);
        return false;
    }
    metrics_inc(p->core->config.metrics, METRIC_TAIL_HITS);
    core_answer(p->core, call, BROKER_DONE);
    return true;
}

void redis_history_take(struct redis_history *h, struct broker_call *call)
{
    if (answer_from_memory(h, call) || share_under_way(h, call))
        return;
    redis_queue_push(queue_of(h, call), call);
    redis_history_pump(h);
}

void redis_history_sweep(struct redis_history *h)
{
    redis_pages_expire(h->recent, loop_now(h->pool->core->loop));
    forget_topics(h, NULL, 0);
}

/* ---- open and close ---- */

struct redis_history *redis_history_create(struct redis_pool *pool)
{
    struct redis_history *h = mem_zalloc(sizeof(*h));

    h->pool = pool;
    redis_queue_init(&h->urgent, pool->core);
    redis_queue_init(&h->patient, pool->core);
    list_init(&h->under_way);
    list_init(&h->pages);
    h->recent = redis_pages_create(pool->tail, REDIS_PAGES_BYTES);
    return h;
}

void redis_history_free(struct redis_history *h)
{
    release_pages(h);
    redis_queue_done(&h->urgent);
    redis_queue_done(&h->patient);
    redis_pages_free(h->recent);
    free(h);
}
