#include "ctl/link/dial.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ctl/link/runtime.h"
#include "ctl/link/target.h"
#include "ctl/term/units.h"
#include "net/loop.h"
#include "net/mailbox.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "net/unix_socket.h"

/* An address that does not answer must not use up the time of those after it. */
#define ATTEMPT_MS 2000

struct dial {
    struct runtime *rt;
    const struct target *target;
    const struct dial_events *events;
    void *owner;
    struct resolver *resolver;
    struct resolver_answer *answer;
    struct sockaddr_un socket;    /* with a Unix socket, the only address */
    struct addrinfo socket_entry; /* which holds it */
    struct addrinfo *next;        /* within `answer`, or `socket_entry` */
    struct stream stream;
    struct timer deadline;
    struct timer attempt;   /* runs while another address could be tried instead */
    struct loop_task later; /* what must not happen in dial_create */
    bool is_open;
    bool has_data;  /* something came */
    bool has_ended; /* on_end was called, or dial_free */
    struct buf why;
    struct mail gone;
    struct loop_task reap;
};

/* ---- the end ---- */

static void stop(struct dial *d)
{
    d->has_ended = true;
    timer_stop(&d->deadline);
    timer_stop(&d->attempt);
    loop_cancel(&d->later);
    stream_close(&d->stream);
}

static void end(struct dial *d)
{
    if (d->has_ended)
        return;
    stop(d);
    buf_add_char(&d->why, '\0');
    d->events->on_end(d->owner, buf_head(&d->why));
}

/* Texts of the system begin with a capital letter, ours do not. Abbreviations stay as they are. */
static void add_system_text(struct buf *out, const char *text)
{
    if (isupper((unsigned char)text[0]) && islower((unsigned char)text[1]))
        buf_add_char(out, (char)tolower((unsigned char)*text++));
    buf_add_str(out, str_of(text));
}

static void add_start(struct dial *d)
{
    buf_clear(&d->why);
    buf_addf(&d->why, "cannot connect to %s: ", d->target->url);
}

static void note_late(struct dial *d)
{
    add_start(d);
    buf_add_str(&d->why, STR("no answer within "));
    duration_add(&d->why, d->target->timeout_ms);
    buf_add_str(&d->why, d->stream.handshaking && !d->stream.connecting
                             ? STR(" to the TLS handshake; does the server use TLS on this port?")
                             : STR("; check the address, and the firewalls on the way"));
}

static const char *hint_for_tls(const char *why)
{
    if (strncmp(why, "certificate", 11) != 0)
        return "; does the server use TLS on this port? without TLS, the URL is ws://";
    if (strstr(why, "mismatch"))
        return "; use a host name in the URL for which the certificate was issued";
    if (strstr(why, "expired"))
        return "; renew the server's certificate, or check the clock of this machine";
    return "; name the CA that signed it with --ca FILE";
}

static const char *hint_for(const struct dial *d, int err)
{
    if (stream_is_handshaking(&d->stream))
        return hint_for_tls(stream_why(&d->stream, err));
    if (err == ENOENT && d->target->socket)
        return "; start the server, or check the path (LISTEN_UNIX)";
    if (err == EACCES && d->target->socket)
        return "; the server's LISTEN_UNIX_MODE, and the directory, must let you write to it";
    if (err == ECONNREFUSED)
        return "; start the server, or name its address with --url or EVENTHUB_URL";
    return "; check the address (--url, EVENTHUB_URL) and the network";
}

/* err: of on_end, or of a failed stream_connect. */
static void note_failed(struct dial *d, int err)
{
    add_start(d);
    if (err == 0)
        buf_add_str(&d->why, STR("the server closed the connection"));
    else
        add_system_text(&d->why, stream_why(&d->stream, err));
    buf_add_str(&d->why, str_of(hint_for(d, err)));
}

static void on_fail_later(struct loop_task *task)
{
    end(container_of(task, struct dial, later));
}

static void on_deadline(struct timer *t)
{
    struct dial *d = container_of(t, struct dial, deadline);

    note_late(d);
    end(d);
}

/* ---- connecting ---- */

static const struct stream_events stream_events;

static void try_next(struct dial *d, int err)
{
    while (d->next) {
        struct addrinfo *a = d->next;

        d->next = a->ai_next;
        if (stream_connect(&d->stream, runtime_loop(d->rt), a->ai_addr, a->ai_addrlen,
                           &stream_events) == EH_OK) {
            if (d->target->has_tls)
                stream_use_tls(&d->stream, d->target->tls, d->target->host);
            if (d->next)
                loop_timer(runtime_loop(d->rt), &d->attempt, ATTEMPT_MS);
            return;
        }
        err = errno;
    }
    note_failed(d, err);
    end(d);
}

static void on_attempt(struct timer *t)
{
    struct dial *d = container_of(t, struct dial, attempt);

    if (!d->stream.connecting)
        return; /* it has answered, and the TLS handshake is under way */
    stream_close(&d->stream);
    try_next(d, ETIMEDOUT);
}

static void on_open(struct stream *s)
{
    struct dial *d = container_of(s, struct dial, stream);

    timer_stop(&d->deadline);
    timer_stop(&d->attempt);
    d->is_open = true;
    d->events->on_open(d->owner);
}

static void on_data(struct stream *s, char *p, size_t n)
{
    struct dial *d = container_of(s, struct dial, stream);

    d->has_data = true;
    d->events->on_data(d->owner, p, n);
}

static void on_sent(struct stream *s, size_t n)
{
    struct dial *d = container_of(s, struct dial, stream);

    if (d->events->on_sent && !d->has_ended)
        d->events->on_sent(d->owner, n);
}

static void on_lost(struct dial *d, int err)
{
    buf_addf(&d->why, "the connection to %s failed: ", d->target->url);
    add_system_text(&d->why, stream_why(&d->stream, err));
    if (err) {
        if (!d->has_data)
            buf_add_str(&d->why, STR("; is it an Eventhub server?"));
        end(d);
        return;
    }
    stop(d);
    d->events->on_end(d->owner, NULL);
}

/* TLS that fails is final: another address of the same name will hardly have another certificate,
 * and its text is worth more than that of the last address. */
static void on_stream_end(struct stream *s, int err)
{
    struct dial *d = container_of(s, struct dial, stream);
    const bool is_tls = err == EPROTO;

    if (d->is_open) {
        on_lost(d, err);
        return;
    }
    timer_stop(&d->attempt);
    if (is_tls || !d->next) {
        note_failed(d, err);
        end(d);
        return;
    }
    stream_close(s);
    try_next(d, err);
}

static const struct stream_events stream_events = {
    .on_open = on_open, .on_data = on_data, .on_end = on_stream_end, .on_sent = on_sent
};

/* ---- the name ---- */

static void on_resolved(struct mail *m, void *owner)
{
    struct resolver_answer *answer = container_of(m, struct resolver_answer, mail);
    struct dial *d = (struct dial *)(uintptr_t)answer->tag;

    (void)owner;
    if (d->has_ended) {
        resolver_answer_free(answer);
        return;
    }
    d->answer = answer;
    if (!answer->err) {
        d->next = answer->list;
        try_next(d, 0);
        return;
    }
    buf_addf(&d->why, "cannot find the host of %s: ", d->target->url);
    add_system_text(&d->why, gai_strerror(answer->err));
    buf_add_str(&d->why, STR("; check the name in the URL"));
    end(d);
}

static void resolve(struct dial *d)
{
    if (resolver_ask(d->resolver, on_resolved, d->target->host, d->target->port,
                     (uint64_t)(uintptr_t)d) == EH_OK)
        return;
    add_start(d);
    buf_add_str(&d->why, STR("no thread could be started to look up the name"));
    d->later.fn = on_fail_later;
    loop_next_turn(runtime_loop(d->rt), &d->later);
}

/* ---- the Unix socket ---- */

static void on_connect_later(struct loop_task *task)
{
    try_next(container_of(task, struct dial, later), 0);
}

static void use_socket(struct dial *d)
{
    d->socket_entry.ai_addrlen = unix_socket_address(d->target->socket, &d->socket);
    d->socket_entry.ai_addr = (struct sockaddr *)&d->socket;
    d->next = &d->socket_entry;
    d->later.fn = on_connect_later;
    loop_next_turn(runtime_loop(d->rt), &d->later);
}

/* ---- open and free ---- */

struct dial *dial_create(struct runtime *rt, const struct target *target,
                         const struct dial_events *events, void *owner)
{
    struct dial *d = mem_zalloc(sizeof(*d));

    d->rt = rt;
    d->target = target;
    d->events = events;
    d->owner = owner;
    d->stream.io.fd = -1;
    timer_init(&d->deadline, on_deadline);
    timer_init(&d->attempt, on_attempt);
    d->resolver = resolver_create(runtime_mailbox(rt));
    loop_timer(runtime_loop(rt), &d->deadline, target->timeout_ms);
    if (target->socket)
        use_socket(d);
    else
        resolve(d);
    return d;
}

static void on_reap(struct loop_task *task)
{
    struct dial *d = container_of(task, struct dial, reap);

    resolver_answer_free(d->answer);
    buf_done(&d->why);
    free(d);
}

static void on_gone(struct mail *m, void *owner)
{
    struct dial *d = container_of(m, struct dial, gone);

    (void)owner;
    d->reap.fn = on_reap;
    loop_reap_later(runtime_loop(d->rt), &d->reap);
}

void dial_free(struct dial *d)
{
    if (!d)
        return;
    stop(d);
    resolver_free(d->resolver); /* posts nothing more; mail it has posted comes before `gone` */
    d->gone.fn = on_gone;
    mailbox_post(runtime_mailbox(d->rt), &d->gone);
}

struct stream *dial_stream(struct dial *d)
{
    return &d->stream;
}
