/* redis_link.c - many commands under way on one connection. Redis answers in the order in which it
 * reads, so the pipeline is a queue: each reply answers the oldest command that has none yet. Two
 * things make it hard.
 *
 * A connection can die at any moment. A publish must not be executed twice, and nobody can tell
 * whether Redis executed a command that was written and not answered. So the link never sends such
 * a command again. It gives it back as UNKNOWN, and the caller decides what that means.
 *
 * Redis can forget our scripts (SCRIPT FLUSH). The greeting loads them, and commands name them by
 * SHA-1: EVAL would send the text of publish.lua, 5 kB, with every publish. NOSCRIPT is the one
 * error after which a command is sent again, because Redis certainly did not execute it. From the
 * first NOSCRIPT on the link sends nothing new, or D could overtake C:
 *
 *     sent       A  B  C         (draining)                SCRIPT LOAD ...  A  C  D
 *     answered      NOSCRIPT(A)  ok(B)  NOSCRIPT(C)                SHA-1 ...   ok(A) ok(C) ok(D)
 *
 * D waits in its caller's queue, because redis_link_can_send is false until the link is up again.
 *
 *     DOWN --timer--> RESOLVING --addresses--> GREETING --answered--> UP
 *                                                 ^                   | NOSCRIPT, renew
 *                                                 +---- DRAINING <----+
 *     Any failure leads to DOWN; so does DRAINING if it is to renew the connection.
 *
 * The greeting is written before the socket has connected, so it costs one round trip in all. A
 * successful command resets the back-off, a connection does not: a Redis that accepts connections
 * and refuses every command is retried ever more slowly.
 */
#include "broker/redis/redis_link.h"

#include <assert.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_dial.h"
#include "broker/redis/redis_pipeline.h"
#include "broker/redis/redis_parser.h"
#include "broker/redis/redis_reply.h"
#include "net/stream.h"

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 2000
#define UNSENT_MAX     (256 * 1024) /* bytes; further calls stay in the caller's queue */
#define SHA_TEXT       40
#define WHY_MAX        160

enum state {
    LINK_DOWN,      /* waits for its timer, then tries */
    LINK_RESOLVING, /* waits for the resolver */
    LINK_GREETING,  /* connects, or waits for the answers to the greeting */
    LINK_UP,
    LINK_DRAINING, /* sends nothing until all commands are answered; then greets again, or drops */
};

struct redis_link {
    struct redis_link_config config;
    enum state state;
    bool renews;   /* draining: to replace the connection, not to load the scripts */
    bool has_room; /* the last known redis_link_can_send, for on_room */
    struct stream stream;
    struct redis_parser *parser;
    struct redis_pipeline pipeline;
    size_t n_greetings; /* commands of the greeting that are not answered yet */
    char shas[SCRIPT_COUNT][SHA_TEXT];
    struct timer timer; /* down: runs at the next attempt; else at check_ms */
    uint64_t check_ms;  /* when to check the pipeline for deadlines */
    uint64_t backoff_ms;
    unsigned seed;
    char why[WHY_MAX];
    struct redis_dial *dial;
    struct loop_task reap;
};

/* ---- requests ---- */

static void check_at(struct redis_link *l, uint64_t at)
{
    l->check_ms = at;
    loop_timer(l->config.loop, &l->timer, at - loop_now(l->config.loop));
}

static void request_write(struct redis_link *l, struct redis_request *rq)
{
    uint64_t at = redis_pipeline_push(&l->pipeline, rq, loop_now(l->config.loop));

    stream_write(&l->stream, str_make(rq->wire, rq->n));
    if (!timer_is_running(&l->timer) || at < l->check_ms)
        check_at(l, at);
}

/* ---- down ---- */

static void disconnect(struct redis_link *l)
{
    timer_stop(&l->timer);
    stream_close(&l->stream);
}

static void drop(struct redis_link *l, const char *why)
{
    bool was_greeting = l->state == LINK_GREETING;
    uint64_t wait;

    if (why != l->why) /* a copy: it may lie in a reply that is about to be freed */
        (void)snprintf(l->why, sizeof(l->why), "%s", why);
    disconnect(l);
    l->state = LINK_DOWN;
    redis_pipeline_give_back(&l->pipeline);
    if (was_greeting && redis_dial_has_next(l->dial)) {
        loop_timer(l->config.loop, &l->timer, 0); /* try the other addresses before complaining */
        return;
    }
    redis_dial_forget(l->dial);
    metrics_inc(l->config.metrics, METRIC_REDIS_FAILS);
    wait = l->backoff_ms / 2 + (uint64_t)rand_r(&l->seed) % l->backoff_ms;
    l->backoff_ms = l->backoff_ms * 2 < BACKOFF_MAX_MS ? l->backoff_ms * 2 : BACKOFF_MAX_MS;
    loop_timer(l->config.loop, &l->timer, wait);
    l->config.events->on_down(l, l->config.owner, l->why);
}

/* ---- the greeting ---- */

typedef void done_fn(void *owner, void *arg, enum redis_fate fate, const redisReply *reply);
static done_fn on_authenticated, on_greeted, on_script;

static void send_greeting(struct redis_link *l, struct redis_command *c, done_fn *fn, void *arg)
{
    l->n_greetings++;
    request_write(l, redis_request_create(c, (struct redis_done){ fn, l, arg, 0 }));
}

static void greet(struct redis_link *l)
{
    struct redis_command c;

    l->state = LINK_GREETING;
    l->n_greetings = 0;
    if (redis_command_login(&c, l->config.login))
        send_greeting(l, &c, on_authenticated, NULL);
    if (l->config.db) {
        redis_command_select(&c, l->config.db);
        send_greeting(l, &c, on_greeted, NULL);
    }
    if (!l->config.loads_scripts) {
        redis_command_ping(&c);
        send_greeting(l, &c, on_greeted, NULL);
        return;
    }
    for (unsigned i = 0; i < SCRIPT_COUNT; i++) {
        redis_command_load(&c, (enum script)i);
        send_greeting(l, &c, on_script, l->shas[i]);
    }
}

static void come_up(struct redis_link *l)
{
    struct redis_request *rq;

    l->state = LINK_UP;
    redis_dial_forget(l->dial);
    while ((rq = redis_pipeline_pop_refused(&l->pipeline)))
        request_write(l, rq);
    l->has_room = redis_link_can_send(l);
    l->config.events->on_up(l, l->config.owner);
}

/* Handles the answer to PING or SELECT; also the last step for the other two. */
static void on_greeted(void *owner, void *arg, enum redis_fate fate, const redisReply *reply)
{
    struct redis_link *l = owner;

    (void)arg;
    if (fate != REDIS_ANSWERED)
        return;
    if (redis_reply_is_error(reply))
        drop(l, reply->str);
    else if (--l->n_greetings == 0)
        come_up(l);
}

/* Cuts the error at the first quotation mark: Redis may quote our arguments, even the password. */
static void on_authenticated(void *owner, void *arg, enum redis_fate fate, const redisReply *reply)
{
    struct redis_link *l = owner;

    if (fate != REDIS_ANSWERED || !redis_reply_is_error(reply)) {
        on_greeted(owner, arg, fate, reply);
        return;
    }
    (void)snprintf(l->why, sizeof(l->why), "AUTH refused: %.*s", (int)strcspn(reply->str, "'`\""),
                   reply->str);
    drop(l, l->why);
}

static void on_script(void *owner, void *arg, enum redis_fate fate, const redisReply *reply)
{
    struct redis_link *l = owner;

    if (fate == REDIS_ANSWERED && !redis_reply_is_error(reply)) {
        if (reply->type != REDIS_REPLY_STRING || reply->len != SHA_TEXT) {
            drop(l, "SCRIPT LOAD was not answered with a SHA-1");
            return;
        }
        memcpy(arg, reply->str, SHA_TEXT);
    }
    on_greeted(owner, arg, fate, reply);
}

/* ---- replies ---- */

static void on_answer(struct redis_link *l, struct redis_request *rq, const redisReply *reply)
{
    bool was_up = l->state == LINK_UP;

    if (rq->is_script && redis_reply_has_code(reply, "NOSCRIPT")) {
        redis_pipeline_refuse(&l->pipeline, rq);
        l->state = LINK_DRAINING;
    } else {
        redis_request_finish(rq, REDIS_ANSWERED, reply);
    }
    if (was_up && !redis_reply_is_error(reply))
        l->backoff_ms = BACKOFF_MIN_MS;
    if (l->state != LINK_DRAINING || l->pipeline.n_sent > 0)
        return;
    if (l->renews)
        drop(l, l->why);
    else
        greet(l);
}

static void on_reply(struct redis_link *l, const redisReply *reply)
{
    bool takes_pushes = l->config.events->on_push != NULL;
    struct redis_request *rq = NULL;
    struct redis_push push;

    /* Messages of one channel may arrive between the answers to the next SUBSCRIBE commands. */
    if (!takes_pushes || redis_reply_push(reply, &push) < 0)
        rq = redis_pipeline_pop(&l->pipeline);
    if (rq)
        on_answer(l, rq, reply);
    else if (takes_pushes)
        l->config.events->on_push(l, l->config.owner, reply);
    else
        drop(l, "unexpected reply: no command is waiting for one");
}

static void on_data(struct stream *s, char *p, size_t n)
{
    struct redis_link *l = container_of(s, struct redis_link, stream);
    struct str in = { p, n };
    const redisReply *reply;

    while (stream_is_open(s)) { /* a reply may make us drop the connection */
        if (redis_parser_next(l->parser, &reply) < 0)
            drop(l, redis_parser_why(l->parser));
        else if (reply)
            on_reply(l, reply);
        else if (in.n)
            redis_parser_feed(l->parser, &in);
        else
            return;
    }
}

static void on_end(struct stream *s, int err)
{
    struct redis_link *l = container_of(s, struct redis_link, stream);

    drop(l, err ? stream_why(s, err) : "Redis closed the connection");
}

static void on_sent(struct stream *s, size_t sent)
{
    struct redis_link *l = container_of(s, struct redis_link, stream);

    (void)sent;
    if (l->has_room || !redis_link_can_send(l))
        return;
    l->has_room = true;
    if (l->config.events->on_room)
        l->config.events->on_room(l, l->config.owner);
}

/* ---- connecting ---- */

static const struct stream_events stream_events = {
    .on_data = on_data,
    .on_end = on_end,
    .on_sent = on_sent,
};

static void connect_next(struct redis_link *l)
{
    if (redis_dial_next(l->dial, &l->stream, l->config.loop, &stream_events) < 0) {
        drop(l, strerror(errno));
        return;
    }
    if (l->config.tls)
        stream_use_tls(&l->stream, l->config.tls,
                       l->config.tls_name[0] ? l->config.tls_name : l->config.endpoint.host);
    redis_parser_reset(l->parser);
    l->renews = false;
    greet(l);
}

static void on_resolved(void *owner, const char *why)
{
    struct redis_link *l = owner;

    if (why)
        drop(l, why);
    else
        connect_next(l);
}

static void check_pipeline(struct redis_link *l)
{
    uint64_t now = loop_now(l->config.loop);
    uint64_t next = redis_pipeline_check(&l->pipeline, now);

    if (next <= now)
        drop(l,
             stream_is_handshaking(&l->stream) ? "TLS handshake timed out" : "no answer in time");
    else if (next != REDIS_PIPELINE_IDLE)
        check_at(l, next);
}

static void on_timer(struct timer *t)
{
    struct redis_link *l = container_of(t, struct redis_link, timer);

    if (l->state != LINK_DOWN) {
        check_pipeline(l);
        return;
    }
    if (redis_dial_has_next(l->dial)) {
        connect_next(l);
        return;
    }
    l->state = LINK_RESOLVING;
    if (redis_dial_ask(l->dial, &l->config.endpoint) < 0)
        drop(l, "cannot start a thread for the resolver");
}

/* ---- what the owner calls ---- */

static void on_reap(struct loop_task *task)
{
    struct redis_link *l = container_of(task, struct redis_link, reap);

    redis_parser_free(l->parser);
    free(l);
}

struct redis_link *redis_link_create(const struct redis_link_config *config)
{
    struct redis_link *l = mem_zalloc(sizeof(*l));

    l->config = *config;
    l->stream.io.fd = -1;
    l->backoff_ms = BACKOFF_MIN_MS;
    if (getrandom(&l->seed, sizeof(l->seed), GRND_NONBLOCK) < 0)
        l->seed = (unsigned)(uintptr_t)l;
    l->parser = redis_parser_create();
    redis_pipeline_init(&l->pipeline, config->timeout_ms);
    timer_init(&l->timer, on_timer);
    l->dial = redis_dial_create(config->inbox, on_resolved, l);
    l->reap.fn = on_reap;
    loop_timer(config->loop, &l->timer, 0);
    return l;
}

void redis_link_free(struct redis_link *l)
{
    if (!l)
        return;
    l->state = LINK_DOWN;
    disconnect(l);
    redis_pipeline_give_back(&l->pipeline);
    redis_dial_free(l->dial);
    loop_reap_later(l->config.loop, &l->reap);
}

bool redis_link_is_up(const struct redis_link *l)
{
    return l->state == LINK_UP;
}

bool redis_link_can_send(const struct redis_link *l)
{
    return l->state == LINK_UP && stream_queued(&l->stream) < UNSENT_MAX;
}

size_t redis_link_unanswered(const struct redis_link *l)
{
    return l->pipeline.n_sent;
}

void redis_link_send(struct redis_link *l, struct redis_command *c, struct redis_done done)
{
    assert(redis_link_can_send(l));
    if (c->is_script) {
        c->args[1] = l->shas[c->script];
        c->lengths[1] = SHA_TEXT;
    }
    request_write(l, redis_request_create(c, done));
    l->has_room = redis_link_can_send(l);
}

void redis_link_ping(struct redis_link *l)
{
    struct redis_command c;

    if (l->state != LINK_UP || l->pipeline.n_sent > 0)
        return;
    redis_command_ping(&c);
    redis_link_send(l, &c, (struct redis_done){ 0 });
}

void redis_link_drop(struct redis_link *l, const char *why)
{
    if (l->state == LINK_GREETING || l->state == LINK_UP || l->state == LINK_DRAINING)
        drop(l, why);
}

void redis_link_renew(struct redis_link *l, const char *why)
{
    if (l->state != LINK_UP && l->state != LINK_DRAINING)
        return;
    (void)snprintf(l->why, sizeof(l->why), "%s", why);
    l->renews = true;
    l->state = LINK_DRAINING;
    if (l->pipeline.n_sent == 0)
        drop(l, l->why);
}

void redis_link_retry_now(struct redis_link *l)
{
    if (l->state != LINK_DOWN)
        return;
    l->backoff_ms = BACKOFF_MIN_MS;
    loop_timer(l->config.loop, &l->timer, 0);
}
