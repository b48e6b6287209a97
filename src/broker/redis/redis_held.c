/* redis_held.c - how refused calls are sent again without changing their order.
 *
 * The link has drained: whatever was under way is answered, and A, C and E were refused. D waits in
 * its caller's queue until redis_held is over. If the three were sent again together, C could
 * succeed at the moment when A is refused once more, and be ahead of it. So A goes alone:
 *
 *     sent        A          A          C  E          D
 *     answered       TRYAGAIN   ok(A)      ok(C) ok(E)
 *                    (pause)
 *
 * Each refusal says what must happen first: a pause, the news that the feed has joined, or a
 * question to another server. The kind that counts is that of the first call in the list, because
 * the others cannot go before it.
 *
 * While a slot migrates, Redis decides by the keys of each call: all here, it runs; all gone, ASK;
 * some of both, TRYAGAIN. A publish to a new topic is refused where one to an old topic runs. So
 * after ASK or TRYAGAIN even new calls go one by one.
 *
 * A call that was on its way before the first refusal may still run, as D would if it had been sent
 * with the others. The owner knows which calls are of one client. If it says that a later call of
 * the same client has run, or may have, the refused one is NOT_DONE: it has not run, and running it
 * now would change the order.
 */
#include "broker/redis/redis_held.h"

#include <hiredis/hiredis.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/mem.h"
#include "broker/redis/redis_reply.h"

#define PAUSE_MIN_MS 50
#define PAUSE_MAX_MS 200
#define CAREFUL_MS   1000
#define REFUSALS_MAX 16 /* of one call, not counting those that end with time */

/* A call under way on another link, whose pipeline knows it as the owner of the answer. So it may
 * outlive the one that asked. */
struct redis_asked {
    struct redis_held *held; /* NULL: gone */
    struct redis_request *rq;
};

static struct redis_request *first_of(const struct redis_held *h)
{
    return redis_pipeline_first_refused(&h->wire->pipeline);
}

/* ---- keeping ---- */

bool redis_held_is_refused(const struct redis_request *rq, const struct redisReply *reply,
                           struct redis_redirect *ret)
{
    if (!redis_reply_is_error(reply))
        return false;
    *ret = redis_redirect_of(reply);
    if (ret->kind == REDIS_REDIRECT_NOSCRIPT)
        return rq->is_script; /* else we have no such script */
    return ret->kind != REDIS_REDIRECT_NONE;
}

bool redis_held_keep(struct redis_held *h, struct redis_request *rq,
                     const struct redis_redirect *redirect, const struct redisReply *reply)
{
    bool is_migrating =
        redirect->kind == REDIS_REDIRECT_ASK || redirect->kind == REDIS_REDIRECT_TRYAGAIN;

    if (is_migrating)
        h->careful_ms = loop_now(h->wire->loop);
    if (redirect->kind == REDIS_REDIRECT_ASK)
        h->target = redirect->endpoint;
    if (!rq->remake && redirect->kind != REDIS_REDIRECT_NOSCRIPT) {
        redis_request_finish(rq, REDIS_ANSWERED, reply);
        return false;
    }
    h->window = 0;
    rq->refusal = (int)redirect->kind;
    if (!is_migrating && redirect->kind != REDIS_REDIRECT_CLUSTERDOWN)
        rq->n_refused++;
    if (rq->n_refused > REFUSALS_MAX)
        redis_request_finish(rq, REDIS_NOT_DONE, NULL);
    else
        redis_pipeline_refuse(&h->wire->pipeline, rq);
    return true;
}

struct redis_request *redis_held_pop_other(struct redis_held *h)
{
    list_for_each(link, &h->wire->pipeline.refused)
    {
        struct redis_request *rq = container_of(link, struct redis_request, link);

        if (rq->remake)
            continue;
        list_remove(link);
        return rq;
    }
    return NULL;
}

bool redis_held_is_empty(const struct redis_held *h)
{
    return h->n_resent == 0 && !h->asked && !first_of(h);
}

bool redis_held_is_careful(const struct redis_held *h)
{
    return h->careful_ms && loop_now(h->wire->loop) - h->careful_ms < CAREFUL_MS;
}

bool redis_held_was_careful(struct redis_held *h)
{
    bool was_careful = h->careful_ms != 0;

    if (!redis_held_is_careful(h))
        h->careful_ms = 0;
    return was_careful;
}

/* ---- sending again ---- */

/* Returns the first call that may still be sent, and leaves it in the list. NULL: none. */
static struct redis_request *first_to_send(struct redis_held *h)
{
    struct redis_request *rq;

    while ((rq = first_of(h)) && rq->remake && !rq->remake(rq->done.owner, rq->done.arg, NULL)) {
        (void)redis_pipeline_pop_refused(&h->wire->pipeline);
        redis_request_finish(rq, REDIS_NOT_DONE, NULL);
    }
    return rq;
}

static struct redis_request *remade(struct redis_held *h, struct redis_request *rq)
{
    struct redis_command c;

    if (!rq->remake)
        return rq;
    (void)rq->remake(rq->done.owner, rq->done.arg, &c);
    redis_greeting_name_script(h->greeting, &c);
    return redis_request_replace(rq, &c);
}

static void send_some(struct redis_held *h)
{
    struct redis_request *rq;

    while (h->n_resent < h->window && (rq = first_to_send(h))) {
        (void)redis_pipeline_pop_refused(&h->wire->pipeline);
        rq = remade(h, rq);
        rq->is_resent = true;
        h->n_resent++;
        redis_wire_write(h->wire, rq);
    }
}

static void resend(struct redis_held *h, size_t window)
{
    timer_stop(&h->timer);
    h->wait = HELD_RESENDING;
    h->window = h->asked ? 0 : window; /* the call at the target comes first */
    redis_held_step(h);
}

uint64_t redis_held_random_ms(struct redis_held *h)
{
    return PAUSE_MIN_MS + (uint64_t)rand_r(&h->seed) % (PAUSE_MAX_MS - PAUSE_MIN_MS + 1);
}

static void pause_for(struct redis_held *h)
{
    h->wait = HELD_PAUSE;
    loop_timer(h->wire->loop, &h->timer, redis_held_random_ms(h));
}

static void on_timer(struct timer *t)
{
    resend(container_of(t, struct redis_held, timer), 1);
}

/* ---- the target of a migration ---- */

static void on_asked(void *owner, void *arg, enum redis_fate fate, const redisReply *reply)
{
    struct redis_asked *asked = owner;
    struct redis_held *h = asked->held;
    struct redis_request *rq = asked->rq;
    bool is_refused =
        fate == REDIS_NOT_DONE || (fate == REDIS_ANSWERED && redis_redirect_of(reply).kind);

    (void)arg;
    free(asked);
    if (!h)
        return;
    h->asked = NULL;
    if (is_refused) {
        rq->refusal = REDIS_REDIRECT_TRYAGAIN; /* at home: the migration may be over */
        redis_pipeline_refuse(&h->wire->pipeline, rq);
    } else {
        redis_request_finish(rq, fate, reply);
    }
    if (h->wait != HELD_ASKING)
        return;
    if (is_refused)
        pause_for(h);
    else
        redis_held_begin(h);
}

/* Sends the first call to the server that Redis named. */
static bool ask(struct redis_held *h, struct redis_request *rq)
{
    struct redis_asked *asked = mem_alloc(sizeof(*asked));
    struct redis_command c;

    *asked = (struct redis_asked){ h, rq };
    (void)rq->remake(rq->done.owner, rq->done.arg, &c);
    if (h->target.port == 0 ||
        !h->events->ask(h->owner, &h->target, &c,
                        (struct redis_done){ on_asked, asked, NULL, rq->done.deadline })) {
        free(asked);
        return false;
    }
    (void)redis_pipeline_pop_refused(&h->wire->pipeline);
    h->asked = asked;
    h->wait = HELD_ASKING;
    return true;
}

/* ---- the steps ---- */

void redis_held_begin(struct redis_held *h)
{
    static const struct redis_redirect fence = { .kind = REDIS_REDIRECT_FENCE };
    struct redis_request *rq = h->asked ? NULL : first_to_send(h);

    if (h->asked) {
        h->wait = HELD_ASKING;
    } else if (!rq) {
        redis_held_stop(h);
        h->events->on_over(h->owner);
    } else if (rq->refusal == REDIS_REDIRECT_FENCE) {
        h->wait = HELD_RELEASE;
        h->needs_release = true;
        h->events->on_fence(h->owner, &fence);
    } else if (rq->refusal != REDIS_REDIRECT_ASK || !ask(h, rq)) {
        pause_for(h);
    }
}

bool redis_held_begin_greeted(struct redis_held *h, bool is_new)
{
    struct redis_request *rq = first_of(h);

    h->needs_release = rq && (h->needs_release || is_new);
    if (redis_held_is_empty(h))
        return false;
    if (h->needs_release)
        h->wait = HELD_RELEASE;
    else
        resend(h, rq && rq->refusal == REDIS_REDIRECT_NOSCRIPT ? SIZE_MAX : 1);
    return true;
}

void redis_held_on_answer(struct redis_held *h, bool is_success)
{
    h->n_resent--;
    if (is_success && h->window < SIZE_MAX / 2)
        h->window = redis_held_is_careful(h) ? h->window : 2 * h->window;
}

void redis_held_step(struct redis_held *h)
{
    if (h->wait == HELD_OFF)
        return;
    if (h->wait == HELD_RESENDING)
        send_some(h);
    if (redis_held_is_empty(h) || (h->wait == HELD_RESENDING && h->n_resent == 0))
        redis_held_begin(h);
}

void redis_held_release(struct redis_held *h)
{
    h->needs_release = false;
    if (h->wait == HELD_RELEASE)
        resend(h, 1);
}

void redis_held_stop(struct redis_held *h)
{
    timer_stop(&h->timer);
    h->wait = HELD_OFF;
}

void redis_held_lose(struct redis_held *h)
{
    redis_held_stop(h);
    h->n_resent = 0;
}

void redis_held_init(struct redis_held *h, struct redis_wire *wire,
                     const struct redis_greeting *greeting, const struct redis_held_events *events,
                     void *owner)
{
    *h =
        (struct redis_held){ .wire = wire, .greeting = greeting, .events = events, .owner = owner };
    timer_init(&h->timer, on_timer);
    if (getrandom(&h->seed, sizeof(h->seed), GRND_NONBLOCK) < 0)
        h->seed = (unsigned)(uintptr_t)h;
}

void redis_held_done(struct redis_held *h)
{
    redis_held_lose(h);
    if (!h->asked)
        return;
    h->asked->held = NULL;
    redis_request_finish(h->asked->rq, REDIS_UNKNOWN, NULL);
    h->asked = NULL;
}
