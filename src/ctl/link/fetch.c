#include "ctl/link/fetch.h"

#include <stdlib.h>

#include "base/mem.h"
#include "ctl/link/dial.h"
#include "ctl/link/link_end.h"
#include "ctl/link/reply_reader.h"
#include "ctl/link/runtime.h"
#include "ctl/link/target.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/units.h"
#include "net/loop.h"
#include "net/stream.h"

struct fetch {
    struct runtime *rt;
    const struct target *target;
    char *path;
    const char *method;
    struct buf body;
    fetch_fn *fn;
    void *arg;
    struct dial *dial;
    struct timer deadline;
    struct reply_reader reader;
    bool is_done;
    struct buf why;
    struct loop_task reap;
};

static void finish(struct fetch *f, const struct fetch_result *result)
{
    timer_stop(&f->deadline);
    dial_free(f->dial);
    f->dial = NULL;
    f->is_done = true;
    f->fn(result, f->arg);
}

static void fail(struct fetch *f, int status)
{
    buf_add_char(&f->why, '\0');
    finish(f, &(struct fetch_result){ .why = buf_head(&f->why), .exit_status = status });
}

static void succeed(struct fetch *f)
{
    finish(f,
           &(struct fetch_result){ .reply = &f->reader.reply, .body = buf_str(&f->reader.body) });
}

static void on_deadline(struct timer *t)
{
    struct fetch *f = container_of(t, struct fetch, deadline);

    buf_addf(&f->why, "%s did not answer within ", f->target->url);
    duration_add(&f->why, f->target->timeout_ms);
    buf_add_str(&f->why, STR("; is it an Eventhub server? --timeout waits longer"));
    fail(f, CTL_NO_CONNECTION);
}

/* ---- events of the connection ---- */

static void on_open(void *owner)
{
    struct fetch *f = owner;
    struct buf request = { 0 }, token = { 0 };
    int rc = target_read_token(f->target, &token, &f->why);

    if (rc == EH_OK) {
        buf_addf(&request, "%s %s%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", f->method,
                 f->target->path, f->path, f->target->authority);
        if (buf_used(&f->body))
            buf_addf(&request, "Content-Length: %zu\r\n", buf_used(&f->body));
        if (buf_used(&token))
            buf_addf(&request, "Authorization: Bearer %.*s\r\n", STR_ARG(buf_str(&token)));
        buf_add_str(&request, STR("\r\n"));
        buf_add_str(&request, buf_str(&f->body));
        stream_write(dial_stream(f->dial), buf_str(&request));
    }
    buf_done(&request);
    buf_done(&token);
    if (rc < 0)
        fail(f, CTL_USAGE);
}

static void on_data(void *owner, char *p, size_t n)
{
    struct fetch *f = owner;
    struct link_end end;
    size_t used;
    int rc = reply_reader_take(&f->reader, str_make(p, n), &used);

    if (rc >= 0) {
        if (f->reader.is_complete)
            succeed(f);
        return;
    }
    if (f->reader.has_head)
        link_end_not_ours(&f->why, f->target,
                          rc == EH_ELIMIT ? "its answer is too long" : "its answer is broken",
                          &end);
    else
        link_end_not_http(&f->why, f->target, &f->reader, &end);
    fail(f, end.status);
}

static void on_end(void *owner, const char *why)
{
    struct fetch *f = owner;

    if (reply_reader_end(&f->reader)) {
        succeed(f);
        return;
    }
    if (why)
        buf_add_str(&f->why, str_of(why));
    else
        buf_addf(&f->why, "%s closed the connection before its answer was complete%s",
                 f->target->url, f->target->has_tls ? "" : "; with TLS, the URL is wss://");
    fail(f, CTL_NO_CONNECTION);
}

static const struct dial_events dial_events = { .on_open = on_open,
                                                .on_data = on_data,
                                                .on_end = on_end };

/* ---- start and free ---- */

struct fetch *fetch_start(struct runtime *rt, const struct target *target, const char *path,
                          fetch_fn *fn, void *arg)
{
    struct fetch *f = mem_zalloc(sizeof(*f));

    f->rt = rt;
    f->target = target;
    f->path = mem_dup(path, strlen(path));
    f->method = "GET";
    f->fn = fn;
    f->arg = arg;
    f->reader.body_max = FETCH_BODY_MAX;
    timer_init(&f->deadline, on_deadline);
    f->dial = dial_create(rt, target, &dial_events, f);
    loop_timer(runtime_loop(rt), &f->deadline, target->timeout_ms); /* after the dial's */
    return f;
}

void fetch_set_method(struct fetch *f, const char *method, struct str body)
{
    f->method = method;
    buf_add_str(&f->body, body);
}

static void on_reap(struct loop_task *task)
{
    struct fetch *f = container_of(task, struct fetch, reap);

    reply_reader_done(&f->reader);
    buf_done(&f->why);
    buf_done(&f->body);
    free(f->path);
    free(f);
}

void fetch_free(struct fetch *f)
{
    if (!f)
        return;
    timer_stop(&f->deadline);
    dial_free(f->dial);
    f->dial = NULL;
    f->reap.fn = on_reap;
    loop_reap_later(runtime_loop(f->rt), &f->reap);
}
