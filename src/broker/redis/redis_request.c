#include "broker/redis/redis_request.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/redis/redis_command.h"

struct redis_request *redis_request_create(const struct redis_command *c, struct redis_done done)
{
    size_t n = redis_command_size(c);
    struct redis_request *rq = mem_alloc(sizeof(*rq) + n);

    *rq = (struct redis_request){
        .done = done, .is_script = c->is_script, .n_answers = c->n_answers, .n = n
    };
    redis_command_write(c, rq->wire);
    return rq;
}

struct redis_request *redis_request_replace(struct redis_request *rq, const struct redis_command *c)
{
    struct redis_request *other = redis_request_create(c, rq->done);

    other->remake = rq->remake;
    other->order = rq->order;
    other->n_refused = rq->n_refused;
    other->refusal = rq->refusal;
    free(rq);
    return other;
}

void redis_request_give_up(struct redis_request *rq)
{
    struct redis_done done = rq->done;

    rq->done.fn = NULL;
    done.fn(done.owner, done.arg, REDIS_UNKNOWN, NULL);
}

void redis_request_finish(struct redis_request *rq, enum redis_fate fate,
                          const struct redisReply *reply)
{
    struct redis_done done = rq->done;

    free(rq);
    if (done.fn)
        done.fn(done.owner, done.arg, fate, reply);
}

void redis_requests_finish(struct list *requests, enum redis_fate fate)
{
    struct list *e;

    while ((e = list_pop(requests)))
        redis_request_finish(container_of(e, struct redis_request, link), fate, NULL);
}
