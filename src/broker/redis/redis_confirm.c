/* redis_confirm.c - one WAIT for many writes. WAIT answers how many replicas have all that its
 * connection wrote before it, and Redis answers in order. So when a WAIT is answered, it speaks for
 * every call that was answered before it, even for those that were added after it was sent:
 *
 *     sent       A  B      (end of the turn) WAIT  C
 *     answered      ok(A)                    ok(B)     1 replica    ok(C)
 *     list          A                        A B       (both DONE)  C    next WAIT ...
 *
 * Nothing survives the connection: a new one may lead to a Redis that does not have the writes. And
 * a link with nothing under way may end its connection, to renew it. So after the last answer WAIT
 * is sent at once.
 */
#include "broker/redis/redis_confirm.h"

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_reply.h"
#include "broker/redis/redis_status.h"

#define BRIEFLY_MS 100 /* for a WAIT after one that failed: the lane must go on */

static struct broker_call *call_of(struct list *link)
{
    return container_of(link, struct broker_call, mail.link);
}

static void answer_all(struct redis_confirm *c, enum broker_status status)
{
    struct list *link;

    while ((link = list_pop(&c->calls)))
        core_answer(c->core, call_of(link), status);
    timer_stop(&c->timer);
}

static uint64_t earliest_deadline(const struct redis_confirm *c)
{
    uint64_t earliest = UINT64_MAX;

    list_for_each(link, &c->calls)
    {
        uint64_t deadline = call_of(link)->deadline;

        earliest = deadline < earliest ? deadline : earliest;
    }
    return earliest;
}

/* Returns the time until the earliest deadline. */
static uint64_t time_left(const struct redis_confirm *c)
{
    uint64_t now = loop_now(c->core->loop), earliest = earliest_deadline(c);

    return earliest > now ? earliest - now : 0;
}

static void note(struct redis_confirm *c, const char *error, long long n)
{
    bool is_failing = error || n < (long long)c->state->n_replicas;

    c->state->is_failing = is_failing;
    if (is_failing == c->state->is_logged || !redis_status_may_log(c->state->status))
        return; /* a change that lasts is logged later */
    c->state->is_logged = is_failing;
    if (error)
        log_warn("redis_wait_fails", LOG_Z("why", error));
    else if (is_failing)
        log_warn("redis_wait_fails", LOG_N("replicas", n), LOG_N("wanted", c->state->n_replicas));
    else
        log_info("redis_wait_succeeds", LOG_N("replicas", n));
}

static void on_waited(void *owner, void *arg, enum redis_fate fate, const redisReply *reply)
{
    struct redis_confirm *c = owner;
    bool is_number = fate == REDIS_ANSWERED && reply->type == REDIS_REPLY_INTEGER;
    bool is_enough = is_number && reply->integer >= (long long)c->state->n_replicas;

    (void)arg;
    c->is_waiting = false;
    if (is_number)
        note(c, NULL, reply->integer);
    else if (fate == REDIS_ANSWERED)
        note(c, redis_reply_is_error(reply) ? reply->str : "WAIT was not answered with a number",
             0);
    answer_all(c, is_enough ? BROKER_DONE : BROKER_UNKNOWN);
}

static void on_send(struct loop_task *task)
{
    struct redis_confirm *c = container_of(task, struct redis_confirm, send);
    struct redis_command wait;
    uint64_t ms;

    if (c->is_waiting || list_empty(&c->calls))
        return;
    if (!redis_link_is_connected(c->link)) {
        answer_all(c, BROKER_UNKNOWN);
        return;
    }
    ms = time_left(c) * 3 / 4; /* the rest is for the way back */
    if (c->state->is_failing && ms > BRIEFLY_MS)
        ms = BRIEFLY_MS;
    redis_command_wait(&wait, c->state->n_replicas, ms ? ms : 1); /* 0 would mean forever */
    c->is_waiting = true;
    redis_link_send(c->link, &wait, (struct redis_done){ on_waited, c, NULL, 0 });
}

static void on_timer(struct timer *t)
{
    struct redis_confirm *c = container_of(t, struct redis_confirm, timer);
    uint64_t now = loop_now(c->core->loop);

    list_for_each_safe(link, &c->calls)
    {
        if (call_of(link)->deadline > now)
            continue;
        list_remove(link);
        core_answer(c->core, call_of(link), BROKER_UNKNOWN);
    }
    if (!list_empty(&c->calls))
        loop_timer(c->core->loop, &c->timer, time_left(c));
}

void redis_confirm_add(struct redis_confirm *c, struct broker_call *call)
{
    list_push(&c->calls, &call->mail.link);
    if (!redis_link_takes_calls(c->link) || redis_link_unanswered(c->link) == 0)
        on_send(&c->send);
    else if (!c->is_waiting)
        loop_at_end(c->core->loop, &c->send);
    if (!timer_is_running(&c->timer))
        loop_timer(c->core->loop, &c->timer, time_left(c));
}

void redis_confirm_init(struct redis_confirm *c, struct core *core, struct redis_link *link,
                        struct redis_confirm_state *state)
{
    *c = (struct redis_confirm){ .core = core, .link = link, .state = state };
    list_init(&c->calls);
    c->send.fn = on_send;
    timer_init(&c->timer, on_timer);
}

void redis_confirm_done(struct redis_confirm *c)
{
    loop_cancel(&c->send);
    answer_all(c, BROKER_UNKNOWN);
}
