#include "broker/redis/redis_answering.h"

#include "base/mem.h"
#include "broker/catch_up.h"
#include "broker/gaps.h"
#include "broker/port.h"
#include "broker/redis/redis_channels.h"
#include "broker/redis/redis_pages.h"
#include "broker/redis/redis_pool.h"

void redis_answering_release(struct redis_answering *p)
{
    struct list *link;

    while ((link = list_pop(&p->held)))
        core_answer(p->pool->core, redis_queue_call(link), BROKER_DONE);
}

/* Called when everything published before the page was read has arrived. While the feed joins
 * again, these messages are still in its backlog and have not reached the ports. */
static void on_caught_up(void *owner, void *arg, enum redis_fate fate,
                         const struct redisReply *reply)
{
    struct redis_answering *p = owner;
    struct broker_call *call = arg;

    (void)fate;
    (void)reply;
    list_remove(&call->mail.link);
    if (redis_feed_is_joined(p->pool->feed))
        core_answer(p->pool->core, call, BROKER_DONE);
    else
        list_push(&p->held, &call->mail.link);
}

static void finish(struct redis_answering *p, struct broker_call *call)
{
    /* Messages that the log, or the topics of the question, lack may still be on their way through
     * the feed. A replay, which is a call without a port, puts those in their place, so it must not
     * get the page before them. */
    if (call->port) {
        core_answer(p->pool->core, call, BROKER_DONE);
        return;
    }
    list_push(&p->catching_up, &call->mail.link);
    redis_feed_catch_up(p->pool->feed, (struct redis_done){ on_caught_up, p, call, 0 });
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

static void answer(struct redis_answering *p, struct broker_call *call, enum broker_status status)
{
    if (status == BROKER_DONE)
        finish(p, call);
    else
        core_answer(p->pool->core, call, status);
}

void redis_answering_give(struct redis_answering *p, struct redis_question *q,
                          enum broker_status status)
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
            metrics_inc(p->pool->core->config.metrics, METRIC_HISTORY_SHARED);
        }
        answer(p, call, status);
    }
    list_remove(&first->mail.link);
    answer(p, first, status);
}

/* Answers a subscription that joins, if the last live messages are all that it needs, or all that
 * came after a page that Redis has just answered. A question with a deadline (an eventlog) goes to
 * Redis: its answer must contain what was published before, even if the feed has not brought it. */
bool redis_answering_from_memory(struct redis_answering *a, struct broker_call *call)
{
    struct redis_pool *p = a->pool;
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
         !redis_pages_answer(a->recent, &call->history, &marks))) {
        metrics_inc(p->core->config.metrics, METRIC_TAIL_MISSES);
        return false;
    }
    metrics_inc(p->core->config.metrics, METRIC_TAIL_HITS);
    core_answer(p->core, call, BROKER_DONE);
    return true;
}

void redis_answering_note(struct redis_answering *p, const struct broker_history *asked,
                          const struct broker_history *page, uint64_t n_live)
{
    /* The snapshot of a further page was taken when the first one was read: before n_live. */
    if (msgid_is_zero(asked->snapshot_end))
        redis_channels_place_topic(redis_feed_channels(p->pool->feed), page->filter, n_live,
                                   page->snapshot_end);
    redis_pages_add(p->recent, asked, page, loop_now(p->pool->core->loop));
}

void redis_answering_purge(struct redis_answering *p, struct str topic, struct msgid id)
{
    redis_pages_purge(p->recent, topic);
    list_for_each(link, &p->catching_up)
        catch_up_purge_page(&redis_queue_call(link)->history, topic, id);
    list_for_each(link, &p->held) catch_up_purge_page(&redis_queue_call(link)->history, topic, id);
}

void redis_answering_tick(struct redis_answering *p)
{
    redis_pages_expire(p->recent, loop_now(p->pool->core->loop));
}

void redis_answering_init(struct redis_answering *p, struct redis_pool *pool)
{
    p->pool = pool;
    p->recent = redis_pages_create(pool->tail, REDIS_PAGES_BYTES);
    list_init(&p->catching_up);
    list_init(&p->held);
}

void redis_answering_done(struct redis_answering *p)
{
    redis_answering_release(p);
    redis_pages_free(p->recent);
}
