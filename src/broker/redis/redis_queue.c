#include "broker/redis/redis_queue.h"

static void fail_first(struct redis_queue *q)
{
    core_answer(q->core, redis_queue_call(list_pop(&q->calls)), BROKER_NOT_DONE);
}

struct broker_call *redis_queue_first(struct redis_queue *q)
{
    while (!list_empty(&q->calls)) {
        struct broker_call *first = redis_queue_call(q->calls.next);

        if (first->deadline == 0 || first->deadline > loop_now(q->core->loop))
            return first;
        fail_first(q);
    }
    return NULL;
}

struct broker_call *redis_queue_pop(struct redis_queue *q)
{
    struct broker_call *call = redis_queue_first(q);

    if (call)
        list_remove(&call->mail.link);
    return call;
}

static void watch_first(struct redis_queue *q)
{
    struct broker_call *first = redis_queue_first(q);
    struct loop *lp = q->core->loop;

    if (first && first->deadline != 0)
        loop_timer(lp, &q->expiry, first->deadline - loop_now(lp));
}

static void on_expiry(struct timer *t)
{
    watch_first(container_of(t, struct redis_queue, expiry));
}

void redis_queue_push(struct redis_queue *q, struct broker_call *call)
{
    bool is_first = list_empty(&q->calls);

    list_push(&q->calls, &call->mail.link);
    if (is_first)
        watch_first(q);
}

void redis_queue_push_front(struct redis_queue *q, struct broker_call *call)
{
    list_push_front(&q->calls, &call->mail.link);
    watch_first(q);
}

void redis_queue_init(struct redis_queue *q, struct core *core)
{
    q->core = core;
    list_init(&q->calls);
    timer_init(&q->expiry, on_expiry);
}

void redis_queue_done(struct redis_queue *q)
{
    timer_stop(&q->expiry);
    while (!list_empty(&q->calls))
        fail_first(q);
}
