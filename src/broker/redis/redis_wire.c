#include "broker/redis/redis_wire.h"

#include <hiredis/hiredis.h>

#include "broker/redis/redis_parser.h"
#include "broker/redis/redis_reply.h"
#include "net/sock.h"

#define CONNECT_MS 1000
#define UNSENT_MAX (256 * 1024) /* bytes; further calls stay in the caller's queue */

static struct redis_wire *wire_of(struct stream *s)
{
    return container_of(s, struct redis_wire, stream);
}

static void end(struct redis_wire *w, const char *why)
{
    w->events->on_end(w->owner, why);
}

/* ---- requests ---- */

static void check_at(struct redis_wire *w, uint64_t at)
{
    uint64_t now = loop_now(w->loop);

    w->check_ms = at;
    loop_timer(w->loop, &w->check, at > now ? at - now : 0);
}

void redis_wire_write(struct redis_wire *w, struct redis_request *rq)
{
    uint64_t at = redis_pipeline_push(&w->pipeline, rq, loop_now(w->loop));

    stream_write(&w->stream, str_make(rq->wire, rq->n));
    if (!timer_is_running(&w->check) || at < w->check_ms)
        check_at(w, at);
    w->had_room = redis_wire_has_room(w);
}

bool redis_wire_has_room(const struct redis_wire *w)
{
    return stream_queued(&w->stream) < UNSENT_MAX;
}

static void on_check(struct timer *t)
{
    struct redis_wire *w = container_of(t, struct redis_wire, check);
    uint64_t now = loop_now(w->loop), next = redis_pipeline_check(&w->pipeline, now);

    if (next <= now) {
        end(w, "no answer in time");
        return;
    }
    if (next != REDIS_PIPELINE_IDLE)
        check_at(w, next);
    w->events->on_checked(w->owner);
}

/* ---- replies ---- */

static void on_reply(struct redis_wire *w, const redisReply *reply)
{
    struct redis_request *rq = NULL;
    struct redis_push push;
    /* Messages of one channel may arrive between the answers to the next SUBSCRIBE commands. */
    bool is_message = w->takes_pushes && redis_reply_push(reply, &push) == EH_OK;

    if (!is_message && (redis_reply_is_error(reply) || !redis_pipeline_expects_more(&w->pipeline)))
        rq = redis_pipeline_pop(&w->pipeline);
    if (rq)
        w->events->on_answer(w->owner, rq, reply);
    else if (w->takes_pushes)
        w->events->on_push(w->owner, reply);
    else
        end(w, "unexpected reply: no command is waiting for one");
}

static void on_data(struct stream *s, char *p, size_t n)
{
    struct redis_wire *w = wire_of(s);
    struct str in = { p, n };
    const redisReply *reply;

    while (stream_is_open(s)) { /* a reply may end the connection */
        if (redis_parser_next(w->parser, &reply) < 0)
            end(w, redis_parser_why(w->parser));
        else if (reply)
            on_reply(w, reply);
        else if (in.n)
            redis_parser_feed(w->parser, &in);
        else
            return;
    }
}

static void on_open(struct stream *s)
{
    timer_stop(&wire_of(s)->connecting);
}

static void on_end(struct stream *s, int err)
{
    end(wire_of(s), err ? stream_why(s, err) : "Redis closed the connection");
}

static void on_sent(struct stream *s, size_t sent)
{
    struct redis_wire *w = wire_of(s);

    (void)sent;
    if (w->had_room || !redis_wire_has_room(w))
        return;
    w->had_room = true;
    w->events->on_room(w->owner);
}

/* ---- connecting ---- */

static const struct stream_events stream_events = {
    .on_open = on_open,
    .on_data = on_data,
    .on_end = on_end,
    .on_sent = on_sent,
};

int redis_wire_connect(struct redis_wire *w, struct redis_dial *dial, struct tls *tls,
                       const char *host)
{
    uint64_t timeout_ms = w->pipeline.timeout_ms;

    EH_TRY(redis_dial_next(dial, &w->stream, w->loop, &stream_events));
    sock_user_timeout(w->stream.io.fd, (unsigned)timeout_ms); /* no effect on a Unix socket */
    if (tls)
        stream_use_tls(&w->stream, tls, host);
    redis_parser_reset(w->parser);
    redis_parser_limit(w->parser, w->reply_max);
    loop_timer(w->loop, &w->connecting, timeout_ms < CONNECT_MS ? timeout_ms : CONNECT_MS);
    return EH_OK;
}

static void on_late(struct timer *t)
{
    struct redis_wire *w = container_of(t, struct redis_wire, connecting);
    bool is_connected = !w->stream.connecting;

    end(w, is_connected ? "TLS handshake timed out" : "connecting timed out");
}

void redis_wire_close(struct redis_wire *w)
{
    timer_stop(&w->connecting);
    timer_stop(&w->check);
    stream_close(&w->stream);
    redis_pipeline_lose(&w->pipeline);
    if (redis_pipeline_first_refused(&w->pipeline))
        check_at(w, loop_now(w->loop)); /* they wait no longer than their deadlines */
}

void redis_wire_init(struct redis_wire *w, struct loop *lp, uint64_t timeout_ms,
                     const struct redis_wire_events *events, void *owner)
{
    *w = (struct redis_wire){ .loop = lp, .events = events, .owner = owner, .had_room = true };
    w->stream.io.fd = -1;
    w->parser = redis_parser_create();
    redis_pipeline_init(&w->pipeline, timeout_ms);
    timer_init(&w->connecting, on_late);
    timer_init(&w->check, on_check);
}

void redis_wire_done(struct redis_wire *w)
{
    timer_stop(&w->connecting);
    timer_stop(&w->check);
    stream_close(&w->stream);
    redis_pipeline_give_back(&w->pipeline);
}

void redis_wire_reap(struct redis_wire *w)
{
    redis_parser_free(w->parser);
}
