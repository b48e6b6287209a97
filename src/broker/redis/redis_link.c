/* redis_link.c - many commands under way on one connection. Redis answers in the order in which it
 * reads, so the pipeline is a queue: each reply answers the oldest command. Two things are hard.
 *
 * A connection can die at any moment, and nobody can tell whether Redis executed a command that was
 * written and not answered. So the link never sends such a command again, because a publish must
 * not be executed twice. It gives it back as UNKNOWN, and the caller decides what that means.
 *
 * Redis can refuse a command without running it: it has forgotten our scripts (NOSCRIPT), the slot
 * has moved (MOVED), is moving (ASK, TRYAGAIN) or has no owner (CLUSTERDOWN), or this node and
 * Redis know different ids (FENCE, by publish.lua). Such a call is sent again, in its order. From
 * the first refusal on the link takes no new call, or D could overtake C:
 *
 *     sent       A  B  C         (draining)        greeting ... (holding)  A       C  D
 *     answered      MOVED(A)  ok(B)  MOVED(C)                        release  ok(A)  ok(C)
 *
 * D waits in its caller's queue. Refused calls outlive the connection: the owner moves the link,
 * and they are sent to the new master once the feed has joined there. Other commands (the fence,
 * probes, pages) are taken while the link is up or holds: it is the fence that makes the feed join.
 *
 *     DOWN --an address (redis_retry.h)--> GREETING --answered--> UP
 *       ^                                    ^  |                 |  ^
 *       |                      NOSCRIPT: the |  | refused calls   |  | none is left
 *       |                      scripts again |  | are left        |  | (redis_held.h)
 *       |                                    |  v                 |  |
 *       |                                    HOLDING -------------|--+
 *       |                                         ^               | refused, renew, move
 *       |                                         | all answered  v
 *       +-- any failure; renew, move: not HOLDING-+----------- DRAINING
 */
#include "broker/redis/redis_link.h"

#include <assert.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_greeting.h"
#include "broker/redis/redis_held.h"
#include "broker/redis/redis_reply.h"
#include "broker/redis/redis_retry.h"
#include "broker/redis/redis_wire.h"

#define DRAIN_MS 500  /* before a move */
#define UP_MS    1000 /* a pause of up to this long does not count as down */
#define WHY_MAX  160

enum state {
    LINK_DOWN,     /* waits for the next attempt, or for the resolver (redis_retry.h) */
    LINK_GREETING, /* connects, or waits for the answers to the greeting */
    LINK_UP,
    LINK_DRAINING, /* sends nothing until all commands are answered; then holds, or drops */
    LINK_HOLDING,  /* connected, but refused calls come first */
};

struct redis_link {
    struct redis_link_config config;
    enum state state;
    bool leaves;        /* draining: to replace the connection, not to go on with it */
    bool is_greeted;    /* this connection was up once */
    bool lacks_scripts; /* Redis answered NOSCRIPT */
    struct redis_wire wire;
    struct redis_greeting greeting;
    struct redis_held held;
    struct redis_retry retry;
    struct timer draining; /* ends it before a move */
    uint64_t paused_ms;    /* since when it is not UP, but not lost either; 0: neither */
    char why[WHY_MAX];
    struct loop_task reap;
};

static void tell_room(void *owner)
{
    struct redis_link *l = owner;

    if (l->config.events->on_room && redis_link_can_send(l))
        l->config.events->on_room(l, l->config.owner);
}

/* ---- down ---- */

/* Copies it: it may lie in a reply that is about to be freed. */
static void set_why(struct redis_link *l, const char *why)
{
    if (why != l->why)
        (void)snprintf(l->why, sizeof(l->why), "%s", why);
}

static void drop(void *owner, const char *why)
{
    struct redis_link *l = owner;
    bool was_attempt = l->state == LINK_GREETING, is_planned = l->leaves || l->retry.has_moved;

    set_why(l, why);
    timer_stop(&l->draining);
    l->state = LINK_DOWN;
    l->leaves = l->is_greeted = l->lacks_scripts = false;
    redis_held_lose(&l->held);
    redis_wire_close(&l->wire);
    if (!redis_retry_later(&l->retry, was_attempt))
        return;
    if (!is_planned) {
        metrics_inc(l->config.metrics, METRIC_REDIS_FAILS);
        l->paused_ms = 0;
    }
    l->config.events->on_down(l, l->config.owner, l->why);
}

/* ---- refused calls ---- */

static void greet(struct redis_link *l)
{
    l->state = LINK_GREETING;
    l->lacks_scripts = false;
    redis_greeting_start(&l->greeting);
}

static void drain(struct redis_link *l)
{
    if (l->state == LINK_UP)
        l->paused_ms = loop_now(l->config.loop);
    redis_held_stop(&l->held);
    l->state = LINK_DRAINING;
}

/* Drains, and then replaces the connection. */
static void leave(struct redis_link *l, const char *why)
{
    set_why(l, why);
    drain(l);
    l->leaves = true;
    if (l->wire.pipeline.n_sent == 0)
        drop(l, l->why);
}

static void tell_refused(void *owner, const struct redis_redirect *redirect)
{
    struct redis_link *l = owner;

    if (l->config.events->on_refused)
        l->config.events->on_refused(l, l->config.owner, redirect);
}

static void refuse(struct redis_link *l, struct redis_request *rq, struct redis_redirect *redirect,
                   const redisReply *reply)
{
    bool is_script = redirect->kind == REDIS_REDIRECT_NOSCRIPT;
    bool is_news = l->state == LINK_UP || l->state == LINK_HOLDING;

    redis_redirect_complete(redirect, l->retry.endpoint.host);
    l->lacks_scripts = l->lacks_scripts || is_script;
    if (redis_held_keep(&l->held, rq, redirect, reply) &&
        (l->state == LINK_UP || (l->state == LINK_HOLDING && is_script)))
        drain(l);
    if (is_news && !is_script && redirect->kind != REDIS_REDIRECT_FENCE)
        tell_refused(l, redirect); /* which may move the link */
}

static bool on_ask(void *owner, const struct redis_endpoint *endpoint, struct redis_command *c,
                   struct redis_done done)
{
    struct redis_link *l = owner;

    return l->config.events->on_ask &&
           l->config.events->on_ask(l, l->config.owner, endpoint, c, done);
}

static void settle(void *owner)
{
    struct redis_link *l = owner;

    l->state = LINK_UP;
    l->paused_ms = 0;
    tell_room(l);
}

static const struct redis_held_events held_events = {
    .ask = on_ask,
    .on_fence = tell_refused,
    .on_over = settle,
};

static void come_up(struct redis_link *l)
{
    struct redis_request *rq;
    bool is_new = !l->is_greeted;

    l->is_greeted = true;
    l->state = LINK_HOLDING;
    redis_retry_connected(&l->retry);
    while ((rq = redis_held_pop_other(&l->held)))
        redis_wire_write(&l->wire, rq);
    if (!redis_held_begin_greeted(&l->held, is_new)) {
        l->state = LINK_UP; /* but on_up comes first, and may want another connection */
        l->paused_ms = 0;
    }
    l->config.events->on_up(l, l->config.owner);
}

static void on_greeted(void *owner, const char *why)
{
    if (why)
        drop(owner, why);
    else
        come_up(owner);
}

/* ---- replies ---- */

/* Goes on after an answer, or when deadlines have passed. */
static void step(void *owner)
{
    struct redis_link *l = owner;

    if (l->state == LINK_HOLDING)
        redis_held_step(&l->held);
    if (l->wire.pipeline.n_sent > 0)
        return;
    if (l->state == LINK_UP && redis_held_was_careful(&l->held)) {
        tell_room(l); /* for the next call */
    } else if (l->state == LINK_DRAINING && l->leaves) {
        drop(l, l->why);
    } else if (l->state == LINK_DRAINING && l->lacks_scripts) {
        greet(l);
    } else if (l->state == LINK_DRAINING) {
        l->state = LINK_HOLDING;
        redis_held_begin(&l->held);
    }
}

static void on_answer(void *owner, struct redis_request *rq, const redisReply *reply)
{
    struct redis_link *l = owner;
    bool was_greeting = l->state == LINK_GREETING, is_error = redis_reply_is_error(reply);
    struct redis_redirect redirect;
    bool refused = l->is_greeted && redis_held_is_refused(rq, reply, &redirect);

    if (rq->is_resent)
        redis_held_on_answer(&l->held, !refused);
    rq->is_resent = false;
    if (refused)
        refuse(l, rq, &redirect, reply);
    else
        redis_request_finish(rq, REDIS_ANSWERED, reply);
    if (!was_greeting && !is_error)
        redis_retry_succeeded(&l->retry);
    step(l);
}

static void on_push(void *owner, const redisReply *reply)
{
    struct redis_link *l = owner;

    l->config.events->on_push(l, l->config.owner, reply);
}

static const struct redis_wire_events wire_events = {
    .on_answer = on_answer,
    .on_push = on_push,
    .on_end = drop,
    .on_room = tell_room,
    .on_checked = step,
};

/* ---- connecting ---- */

static void on_address(void *owner)
{
    struct redis_link *l = owner;
    const char *name = l->config.tls_name;

    name = name && name[0] ? name : l->retry.endpoint.host;
    if (redis_wire_connect(&l->wire, l->retry.dial, l->config.tls, name) < 0) {
        drop(l, strerror(errno));
        return;
    }
    greet(l);
}

static void on_drain_end(struct timer *t)
{
    struct redis_link *l = container_of(t, struct redis_link, draining);

    drop(l, l->why);
}

/* ---- what the owner calls ---- */

static void on_reap(struct loop_task *task)
{
    struct redis_link *l = container_of(task, struct redis_link, reap);

    redis_wire_reap(&l->wire);
    free(l);
}

struct redis_link *redis_link_create(const struct redis_link_config *config)
{
    struct redis_link *l = mem_zalloc(sizeof(*l));

    l->config = *config;
    redis_wire_init(&l->wire, config->loop, config->timeout_ms, &wire_events, l);
    l->wire.takes_pushes = config->events->on_push != NULL;
    l->wire.reply_max = config->reply_max;
    redis_held_init(&l->held, &l->wire, &l->greeting, &held_events, l);
    l->greeting = (struct redis_greeting){
        .name = config->name ? config->name : "eventhub",
        .login = config->login,
        .db = config->db,
        .loads_scripts = config->loads_scripts,
        .takes_replicas = config->takes_replicas,
        .wire = &l->wire,
        .on_end = on_greeted,
        .owner = l,
    };
    l->retry = (struct redis_retry){
        .loop = config->loop,
        .inbox = config->inbox,
        .endpoint = config->endpoint,
        .on_address = on_address,
        .on_failed = drop,
        .owner = l,
    };
    redis_retry_init(&l->retry);
    timer_init(&l->draining, on_drain_end);
    l->reap.fn = on_reap;
    return l;
}

void redis_link_free(struct redis_link *l)
{
    if (!l)
        return;
    timer_stop(&l->draining);
    l->state = LINK_DOWN;
    l->is_greeted = false;
    redis_wire_done(&l->wire);
    redis_held_done(&l->held);
    redis_retry_done(&l->retry);
    loop_reap_later(l->config.loop, &l->reap);
}

bool redis_link_is_up(const struct redis_link *l)
{
    return l->state == LINK_UP || (l->paused_ms && loop_now(l->config.loop) - l->paused_ms < UP_MS);
}

bool redis_link_can_send(const struct redis_link *l)
{
    return (l->state == LINK_UP || l->state == LINK_HOLDING) && redis_wire_has_room(&l->wire);
}

bool redis_link_takes_calls(const struct redis_link *l)
{
    return l->state == LINK_UP && redis_link_can_send(l) &&
           (l->wire.pipeline.n_sent == 0 || !redis_held_is_careful(&l->held));
}

bool redis_link_is_connected(const struct redis_link *l)
{
    return l->is_greeted;
}

size_t redis_link_unanswered(const struct redis_link *l)
{
    return l->wire.pipeline.n_sent;
}

size_t redis_link_unanswered_calls(const struct redis_link *l)
{
    return l->wire.pipeline.n_calls + (l->held.asked != NULL);
}

const struct redis_info *redis_link_info(const struct redis_link *l)
{
    return l->is_greeted && l->greeting.info.is_known ? &l->greeting.info : NULL;
}

const struct redis_endpoint *redis_link_endpoint(const struct redis_link *l)
{
    return &l->retry.endpoint;
}

void redis_link_send(struct redis_link *l, struct redis_command *c, struct redis_done done)
{
    assert(redis_link_is_connected(l));
    redis_greeting_name_script(&l->greeting, c);
    redis_wire_write(&l->wire, redis_request_create(c, done));
}

void redis_link_send_call(struct redis_link *l, struct redis_command *c, struct redis_done done,
                          redis_remake_fn *remake)
{
    struct redis_request *rq;

    assert(redis_link_takes_calls(l));
    redis_greeting_name_script(&l->greeting, c);
    rq = redis_request_create(c, done);
    rq->remake = remake;
    redis_wire_write(&l->wire, rq);
}

void redis_link_ping(struct redis_link *l)
{
    struct redis_command c;

    if (!redis_link_can_send(l) || l->wire.pipeline.n_sent > 0)
        return;
    redis_command_ping(&c);
    redis_link_send(l, &c, (struct redis_done){ 0 });
}

void redis_link_drop(struct redis_link *l, const char *why)
{
    if (l->state != LINK_DOWN)
        drop(l, why);
}

void redis_link_renew(struct redis_link *l, const char *why)
{
    if (l->state == LINK_UP || l->state == LINK_DRAINING || l->state == LINK_HOLDING)
        leave(l, why);
}

void redis_link_move(struct redis_link *l, const struct redis_endpoint *endpoint, const char *why)
{
    if (!redis_retry_move(&l->retry, endpoint) || l->state == LINK_DOWN)
        return;
    if (l->state == LINK_GREETING)
        drop(l, why);
    else
        leave(l, why);
    if (l->state == LINK_DRAINING && !timer_is_running(&l->draining))
        loop_timer(l->config.loop, &l->draining, DRAIN_MS);
}

void redis_link_release(struct redis_link *l)
{
    redis_held_release(&l->held);
}

void redis_link_retry_now(struct redis_link *l)
{
    redis_retry_now(&l->retry);
}
