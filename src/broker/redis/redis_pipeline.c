#include "broker/redis/redis_pipeline.h"

#define CHECK_MS 50 /* between two checks of the deadlines, at least: each walks all requests */

void redis_pipeline_init(struct redis_pipeline *p, uint64_t timeout_ms)
{
    list_init(&p->sent);
    list_init(&p->refused);
    p->n_sent = p->n_calls = 0;
    p->n_pushed = 0;
    p->timeout_ms = timeout_ms;
}

static struct redis_request *request_of(struct list *link)
{
    return container_of(link, struct redis_request, link);
}

static uint64_t deadline_of(const struct redis_request *rq)
{
    return rq->done.deadline && rq->done.fn ? rq->done.deadline : UINT64_MAX;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t redis_pipeline_push(struct redis_pipeline *p, struct redis_request *rq, uint64_t now)
{
    rq->sent_ms = now;
    p->n_pushed++;
    if (rq->order == 0)
        rq->order = p->n_pushed;
    list_push(&p->sent, &rq->link);
    p->n_sent++;
    p->n_calls += rq->remake != NULL;
    return sooner(deadline_of(rq), now + p->timeout_ms);
}

struct redis_request *redis_pipeline_pop(struct redis_pipeline *p)
{
    struct list *link = list_pop(&p->sent);

    if (!link)
        return NULL;
    p->n_sent--;
    p->n_calls -= request_of(link)->remake != NULL;
    return request_of(link);
}

bool redis_pipeline_expects_more(struct redis_pipeline *p)
{
    struct list *oldest = list_first(&p->sent);

    if (!oldest || request_of(oldest)->n_answers <= 1)
        return false;
    request_of(oldest)->n_answers--;
    return true;
}

void redis_pipeline_refuse(struct redis_pipeline *p, struct redis_request *rq)
{
    struct list *next = &p->refused;

    if (!rq->done.fn) {
        redis_request_finish(rq, REDIS_NOT_DONE, NULL);
        return;
    }
    /* It is newer than all others, or one of the first few: it was sent again before the rest. */
    if (!list_empty(&p->refused) && request_of(p->refused.prev)->order > rq->order) {
        next = p->refused.next;
        while (request_of(next)->order < rq->order)
            next = next->next;
    }
    list_insert(&rq->link, next->prev, next);
}

struct redis_request *redis_pipeline_first_refused(const struct redis_pipeline *p)
{
    struct list *link = list_first(&p->refused);

    return link ? request_of(link) : NULL;
}

struct redis_request *redis_pipeline_pop_refused(struct redis_pipeline *p)
{
    struct list *link = list_pop(&p->refused);

    return link ? request_of(link) : NULL;
}

void redis_pipeline_lose(struct redis_pipeline *p)
{
    struct list sent, refused;

    list_init(&sent);
    list_init(&refused);
    list_take(&sent, &p->sent);
    p->n_sent = p->n_calls = 0;
    list_for_each_safe(link, &p->refused)
    {
        if (request_of(link)->remake)
            continue;
        list_remove(link);
        list_push(&refused, link);
    }
    redis_requests_finish(&refused, REDIS_NOT_DONE);
    redis_requests_finish(&sent, REDIS_UNKNOWN);
}

void redis_pipeline_give_back(struct redis_pipeline *p)
{
    struct list sent, refused;

    list_init(&sent);
    list_init(&refused);
    list_take(&sent, &p->sent);
    list_take(&refused, &p->refused);
    p->n_sent = p->n_calls = 0;
    redis_requests_finish(&refused, REDIS_NOT_DONE);
    redis_requests_finish(&sent, REDIS_UNKNOWN);
}

uint64_t redis_pipeline_check(struct redis_pipeline *p, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    struct list *oldest;

    list_for_each(link, &p->sent)
    {
        struct redis_request *rq = request_of(link);

        if (deadline_of(rq) <= now)
            redis_request_give_up(rq);
        next = sooner(next, deadline_of(rq));
    }
    list_for_each_safe(link, &p->refused)
    {
        struct redis_request *rq = request_of(link);

        if (deadline_of(rq) <= now) {
            list_remove(link);
            redis_request_finish(rq, REDIS_NOT_DONE, NULL);
        } else {
            next = sooner(next, deadline_of(rq));
        }
    }
    if (next != UINT64_MAX && next < now + CHECK_MS)
        next = now + CHECK_MS;
    oldest = list_first(&p->sent);
    return oldest ? sooner(next, request_of(oldest)->sent_ms + p->timeout_ms) : next;
}
