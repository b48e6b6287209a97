/* ws_link.c - a connection goes through three states: it connects (dial.h), makes the handshake
 * (upgrade.h), then exchanges frames. One timer judges them all: the deadline of the handshake, the
 * silence of an open connection, and the wait for the server's Close.
 */
#include "ctl/link/ws_link.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"
#include "ctl/link/dial.h"
#include "ctl/link/link_end.h"
#include "ctl/link/runtime.h"
#include "ctl/link/target.h"
#include "ctl/link/upgrade.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/units.h"
#include "net/loop.h"
#include "net/stream.h"
#include "proto/ws_client.h"

#define PONGS_MAX (64 * 1024) /* queued output at which pings get no more answers */
#define CLOSE_MS  1000        /* for the server's Close: all that mattered was answered before */

enum state { CONNECTING, UPGRADING, OPEN, PINGED, CLOSING, ENDED };

struct ws_link {
    struct runtime *rt;
    const struct target *target;
    const struct link_events *events;
    void *owner;
    enum state state;
    struct dial *dial;
    struct timer timer;
    uint64_t alive_ms; /* when bytes last came, or could be sent */
    struct upgrade upgrade;
    struct ws_decoder decoder;
    struct buf in;      /* the start of a frame's head, or of a control frame */
    struct buf message; /* the pieces of a message that is not complete */
    struct buf out;     /* a frame that is being made */
    struct buf why;
    struct loop_task reap;
};

static struct loop *loop_of(const struct ws_link *l)
{
    return runtime_loop(l->rt);
}

/* ---- the end ---- */

static void stop(struct ws_link *l)
{
    l->state = ENDED;
    timer_stop(&l->timer);
    dial_free(l->dial);
    l->dial = NULL;
}

/* The text is in l->why. */
static void end(struct ws_link *l, struct link_end e)
{
    if (l->state == ENDED)
        return;
    stop(l);
    buf_add_char(&l->why, '\0');
    e.why = buf_head(&l->why);
    l->events->on_end(l->owner, &e);
}

static void end_for_now(struct ws_link *l)
{
    end(l, (struct link_end){ .status = CTL_NO_CONNECTION });
}

static void end_as_asked(struct ws_link *l)
{
    stop(l);
    l->events->on_end(l->owner, &(struct link_end){ .status = CTL_OK });
}

static void end_by_silence(struct ws_link *l)
{
    const bool is_open = l->state == PINGED;
    struct link_end e;

    if (l->state == UPGRADING && upgrade_is_refused(&l->upgrade, &l->why, &e)) {
        end(l, e);
        return;
    }
    buf_addf(&l->why, "%s %s ", l->target->url,
             is_open ? "has been silent for" : "did not answer within");
    duration_add(&l->why, l->target->timeout_ms + (is_open ? LINK_SILENCE_MS : 0));
    if (!is_open)
        buf_add_str(&l->why, STR("; is it an Eventhub server? --timeout waits longer"));
    end_for_now(l);
}

/* ---- frames out ---- */

static void send_bytes(struct ws_link *l)
{
    stream_write(dial_stream(l->dial), buf_str(&l->out));
    if (l->out.cap > (size_t)64 * 1024)
        buf_done(&l->out);
    buf_clear(&l->out);
}

static void send_frame(struct ws_link *l, enum ws_opcode op, struct str payload)
{
    uint8_t mask[WS_MASK_LEN];

    random_fill(mask, sizeof(mask));
    ws_client_frame(&l->out, op, payload, mask);
    send_bytes(l);
}

static void send_close(struct ws_link *l, int code)
{
    uint8_t mask[WS_MASK_LEN];

    random_fill(mask, sizeof(mask));
    ws_client_close(&l->out, code, STR(""), mask);
    l->state = CLOSING;
    send_bytes(l);
    stream_push(dial_stream(l->dial)); /* the connection may be closed in this turn */
}

void ws_link_send(struct ws_link *l, struct str text)
{
    if (l->state == OPEN || l->state == PINGED)
        send_frame(l, WS_OP_TEXT, text);
}

size_t ws_link_queued(const struct ws_link *l)
{
    return l->dial && l->state >= OPEN ? stream_queued(dial_stream(l->dial)) : 0;
}

void ws_link_refuse(struct ws_link *l, int close_code, const char *why)
{
    struct link_end e;

    if (l->state == CLOSING)
        end_as_asked(l);
    if (l->state == ENDED)
        return;
    send_close(l, close_code);
    link_end_not_ours(&l->why, l->target, why, &e);
    end(l, e);
}

/* ---- silence ---- */

static void ping(struct ws_link *l)
{
    send_frame(l, WS_OP_PING, STR(""));
    l->state = PINGED;
    loop_timer(loop_of(l), &l->timer, l->target->timeout_ms);
}

static void on_timer(struct timer *t)
{
    struct ws_link *l = container_of(t, struct ws_link, timer);
    const uint64_t silent_ms = loop_now(loop_of(l)) - l->alive_ms;

    switch (l->state) {
    case OPEN:
        if (silent_ms >= LINK_SILENCE_MS)
            ping(l);
        else
            loop_timer(loop_of(l), t, LINK_SILENCE_MS - silent_ms);
        break;
    case CLOSING: end_as_asked(l); break;
    default: end_by_silence(l); break;
    }
}

static void note_alive(struct ws_link *l)
{
    l->alive_ms = loop_now(loop_of(l));
    if (l->state != PINGED)
        return;
    l->state = OPEN;
    loop_timer(loop_of(l), &l->timer, LINK_SILENCE_MS);
}

/* ---- frames in ---- */

static void on_close_frame(struct ws_link *l, const struct ws_event *e)
{
    struct link_end reason;

    if (l->state == CLOSING) {
        end_as_asked(l);
        return;
    }
    send_close(l, e->close_code);
    link_end_closed(&l->why, l->target, e->close_code, e->payload, &reason);
    end(l, reason);
}

/* Hands a message on, without a copy if it came in one piece. */
static void on_piece(struct ws_link *l, const struct ws_event *e)
{
    if (e->last && buf_used(&l->message) == 0) {
        l->events->on_text(l->owner, e->payload);
        return;
    }
    buf_add_str(&l->message, e->payload);
    if (e->last) {
        struct buf message = l->message;

        l->message = (struct buf){ 0 };
        l->events->on_text(l->owner, buf_str(&message));
        buf_done(&message);
    }
}

static void on_frame(struct ws_link *l, const struct ws_event *e)
{
    switch (e->op) {
    case WS_OP_PING:
        if (ws_link_queued(l) <= PONGS_MAX)
            send_frame(l, WS_OP_PONG, e->payload);
        break;
    case WS_OP_PONG: break; /* note_alive has seen it */
    case WS_OP_CLOSE: on_close_frame(l, e); break;
    default: on_piece(l, e); break;
    }
}

/* Takes whole frames and pieces; returns how many bytes it used. */
static size_t take_frames(struct ws_link *l, char *p, size_t n)
{
    size_t used = 0;

    while (used < n && l->state != ENDED) {
        struct ws_event e;
        int rc = ws_decode(&l->decoder, p + used, n - used, LINK_MESSAGE_MAX, &e);

        if (rc < 0) {
            ws_link_refuse(l, -rc,
                           rc == -WS_CLOSE_TOO_BIG ? "it sent a message of more than 64 MiB"
                                                   : "it sent broken WebSocket frames");
            break;
        }
        if (rc == 0)
            break;
        used += (size_t)rc;
        on_frame(l, &e);
    }
    return used;
}

static void take_input(struct ws_link *l, char *p, size_t n)
{
    size_t used;

    if (buf_used(&l->in)) {
        buf_add(&l->in, p, n);
        used = take_frames(l, buf_head(&l->in), buf_used(&l->in));
        buf_consume(&l->in, used);
    } else {
        used = take_frames(l, p, n);
        buf_add(&l->in, p + used, n - used);
    }
}

/* ---- the handshake ---- */

static void on_upgraded(struct ws_link *l)
{
    ws_decoder_init(&l->decoder);
    l->decoder.is_client = true;
    l->state = OPEN;
    l->alive_ms = loop_now(loop_of(l));
    loop_timer(loop_of(l), &l->timer, LINK_SILENCE_MS);
    l->events->on_open(l->owner);
}

static void take_reply(struct ws_link *l, char *p, size_t n)
{
    struct link_end e;
    size_t used;

    switch (upgrade_take(&l->upgrade, str_make(p, n), &used, &l->why, &e)) {
    case UPGRADE_MORE: break;
    case UPGRADE_DONE:
        on_upgraded(l);
        if (l->state != ENDED && used < n)
            take_input(l, p + used, n - used);
        break;
    case UPGRADE_REFUSED: end(l, e); break;
    }
}

/* ---- events of the connection ---- */

static void on_open(void *owner)
{
    struct ws_link *l = owner;

    if (l->state == CLOSING) /* and its timer is due */
        return;
    l->state = UPGRADING;
    if (upgrade_request(&l->upgrade, &l->out, &l->why) == EH_OK)
        send_bytes(l);
    else
        end(l, (struct link_end){ .status = CTL_USAGE, .is_final = true });
}

static void on_data(void *owner, char *p, size_t n)
{
    struct ws_link *l = owner;

    note_alive(l);
    if (l->state == UPGRADING)
        take_reply(l, p, n);
    else
        take_input(l, p, n);
}

static void on_end(void *owner, const char *why)
{
    struct ws_link *l = owner;
    const enum state state = l->state;
    struct link_end e;

    if (state == CLOSING) {
        end_as_asked(l);
        return;
    }
    if (state == UPGRADING && upgrade_is_refused(&l->upgrade, &l->why, &e)) {
        end(l, e);
        return;
    }
    if (why)
        buf_add_str(&l->why, str_of(why));
    else
        buf_addf(&l->why, "%s closed the connection%s", l->target->url,
                 state != UPGRADING   ? ""
                 : l->target->has_tls ? " without an answer; is it an Eventhub server?"
                                      : " without an answer; with TLS, the URL is wss://");
    end_for_now(l);
}

static void on_sent(void *owner, size_t n)
{
    struct ws_link *l = owner;

    (void)n;
    note_alive(l);
    if (l->state == OPEN)
        l->events->on_sent(l->owner);
}

static const struct dial_events dial_events = {
    .on_open = on_open, .on_data = on_data, .on_end = on_end, .on_sent = on_sent
};

/* ---- create, close, free ---- */

struct ws_link *ws_link_create(struct runtime *rt, const struct target *target,
                               const struct link_events *events, void *owner)
{
    struct ws_link *l = mem_zalloc(sizeof(*l));

    l->rt = rt;
    l->target = target;
    l->events = events;
    l->owner = owner;
    upgrade_init(&l->upgrade, target);
    timer_init(&l->timer, on_timer);
    l->dial = dial_create(rt, target, &dial_events, l);
    /* After the dial's, whose text is better. */
    loop_timer(loop_of(l), &l->timer, target->timeout_ms);
    return l;
}

void ws_link_close(struct ws_link *l)
{
    if (l->state == ENDED || l->state == CLOSING)
        return;
    if (l->state >= OPEN) {
        send_close(l, WS_CLOSE_NORMAL);
        loop_timer(loop_of(l), &l->timer, CLOSE_MS);
    } else {
        l->state = CLOSING;
        loop_timer(loop_of(l), &l->timer, 0);
    }
}

static void on_reap(struct loop_task *task)
{
    struct ws_link *l = container_of(task, struct ws_link, reap);

    upgrade_done(&l->upgrade);
    buf_done(&l->in);
    buf_done(&l->message);
    buf_done(&l->out);
    buf_done(&l->why);
    free(l);
}

void ws_link_free(struct ws_link *l)
{
    if (!l)
        return;
    stop(l);
    l->reap.fn = on_reap;
    loop_reap_later(loop_of(l), &l->reap);
}
