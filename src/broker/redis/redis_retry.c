#include "broker/redis/redis_retry.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

#include "broker/redis/redis_endpoint.h"

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 2000
#define MOVE_MIN_MS    50
#define MOVE_MAX_MS    200

static void on_resolved(void *owner, const char *why)
{
    struct redis_retry *r = owner;

    r->is_resolving = false;
    if (why)
        r->on_failed(r->owner, why);
    else
        r->on_address(r->owner);
}

static void on_timer(struct timer *t)
{
    struct redis_retry *r = container_of(t, struct redis_retry, timer);

    r->has_moved = false;
    if (redis_dial_has_next(r->dial)) {
        r->on_address(r->owner);
        return;
    }
    r->is_resolving = true; /* first: a path is answered at once */
    if (redis_dial_ask(r->dial, &r->endpoint) == EH_OK)
        return;
    r->is_resolving = false;
    r->on_failed(r->owner, "cannot start a thread for the resolver");
}

static uint64_t move_wait(struct redis_retry *r)
{
    uint64_t span = MOVE_MAX_MS - MOVE_MIN_MS + 1;

    return r->n_moves <= 1 ? 0 : MOVE_MIN_MS + (uint64_t)rand_r(&r->seed) % span;
}

static uint64_t back_off(struct redis_retry *r)
{
    uint64_t wait = r->backoff_ms / 2 + (uint64_t)rand_r(&r->seed) % r->backoff_ms;

    r->backoff_ms = r->backoff_ms * 2 < BACKOFF_MAX_MS ? r->backoff_ms * 2 : BACKOFF_MAX_MS;
    r->n_moves = 0; /* this is a pause */
    return wait;
}

bool redis_retry_later(struct redis_retry *r, bool was_attempt)
{
    if (was_attempt && !r->has_moved && redis_dial_has_next(r->dial)) {
        loop_timer(r->loop, &r->timer, 0);
        return false;
    }
    redis_dial_forget(r->dial);
    loop_timer(r->loop, &r->timer, r->has_moved ? move_wait(r) : back_off(r));
    return true;
}

void redis_retry_connected(struct redis_retry *r)
{
    redis_dial_forget(r->dial);
}

void redis_retry_succeeded(struct redis_retry *r)
{
    r->backoff_ms = BACKOFF_MIN_MS;
    r->n_moves = 0;
}

bool redis_retry_move(struct redis_retry *r, const struct redis_endpoint *endpoint)
{
    bool is_first = !redis_endpoint_is_set(&r->endpoint);

    if (redis_endpoint_equal(&r->endpoint, endpoint))
        return false;
    r->endpoint = *endpoint;
    if (is_first) {
        loop_timer(r->loop, &r->timer, 0);
        return true;
    }
    r->has_moved = true;
    r->n_moves++;
    if (r->is_resolving) { /* the answer for the old name no longer counts */
        redis_dial_free(r->dial);
        r->dial = redis_dial_create(r->inbox, on_resolved, r);
        r->is_resolving = false;
        loop_timer(r->loop, &r->timer, move_wait(r));
    } else if (timer_is_running(&r->timer)) {
        redis_dial_forget(r->dial);
        loop_timer(r->loop, &r->timer, move_wait(r));
    }
    return true;
}

void redis_retry_now(struct redis_retry *r)
{
    if (!timer_is_running(&r->timer) || r->n_moves > 1)
        return;
    r->backoff_ms = BACKOFF_MIN_MS;
    loop_timer(r->loop, &r->timer, 0);
}

void redis_retry_init(struct redis_retry *r)
{
    r->dial = redis_dial_create(r->inbox, on_resolved, r);
    r->backoff_ms = BACKOFF_MIN_MS;
    if (getrandom(&r->seed, sizeof(r->seed), GRND_NONBLOCK) < 0)
        r->seed = (unsigned)(uintptr_t)r;
    timer_init(&r->timer, on_timer);
    if (redis_endpoint_is_set(&r->endpoint))
        loop_timer(r->loop, &r->timer, 0);
}

void redis_retry_done(struct redis_retry *r)
{
    timer_stop(&r->timer);
    redis_dial_free(r->dial);
}
