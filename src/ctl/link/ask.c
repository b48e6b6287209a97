#include "ctl/link/ask.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/mem.h"
#include "ctl/line/command.h"
#include "ctl/link/connecting.h"
#include "ctl/link/runtime.h"
#include "ctl/link/session.h"
#include "ctl/link/target.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "net/loop.h"

struct ask {
    struct term *term;
    struct target *target;
    struct runtime *runtime;
    struct session *session;
    struct timer wait;
    json_t *result; /* of a call, until ask_call returns it */
    int end_status; /* CTL_OK: the connection has not ended */
};

static void on_open(void *arg, bool again)
{
    struct ask *a = arg;

    (void)again;
    runtime_end(a->runtime, CTL_OK);
}

static void on_end(void *arg, int status, const char *why)
{
    struct ask *a = arg;

    term_error(a->term, "%s", why);
    a->end_status = status;
    runtime_end(a->runtime, status);
}

static void on_closed(void *arg)
{
    struct ask *a = arg;

    runtime_end(a->runtime, CTL_OK);
}

static void on_wait(struct timer *t)
{
    struct ask *a = container_of(t, struct ask, wait);

    runtime_end(a->runtime, CTL_OK);
}

static const struct session_events session_events = {
    .on_open = on_open,
    .on_end = on_end,
    .on_closed = on_closed,
};

static int create(const struct invocation *in, struct ask *a)
{
    int status = connecting_begin(in, &a->target, &a->runtime);

    a->term = in->term;
    timer_init(&a->wait, on_wait);
    if (status != CTL_OK)
        return status;
    a->session = session_create(
        a->runtime,
        &(struct session_setup){ .target = a->target, .events = &session_events, .arg = a });
    return runtime_run(a->runtime);
}

int ask_open(const struct invocation *in, struct ask **ret)
{
    struct ask *a = mem_zalloc(sizeof(*a));
    int status = create(in, a);

    if (status == CTL_OK)
        *ret = a;
    else
        ask_close(a);
    return status;
}

void ask_close(struct ask *a)
{
    if (!a)
        return;
    if (a->session && session_is_open(a->session)) {
        session_close(a->session);
        (void)runtime_run(a->runtime);
    }
    json_decref(a->result); /* of a call that Ctrl-C ended, but was answered since */
    timer_stop(&a->wait);
    session_free(a->session);
    runtime_free(a->runtime);
    target_free(a->target);
    free(a);
}

static void on_answer(const struct session_answer *answer, void *arg)
{
    struct ask *a = arg;
    struct buf why = { 0 };

    if (answer->state == SESSION_LOST)
        return; /* on_end follows, and says more */
    if (answer->state == SESSION_ANSWERED) {
        a->result = json_incref(answer->result);
    } else {
        session_add_why(&why, answer);
        term_error(a->term, "%.*s", STR_ARG(buf_str(&why)));
        buf_done(&why);
    }
    runtime_end(a->runtime, session_exit_status(answer));
}

int ask_call(struct ask *a, const char *method, json_t *params, json_t **ret_result)
{
    int status;

    if (a->end_status != CTL_OK) { /* in the turn in which it was opened, or between two calls */
        json_decref(params);
        return a->end_status;
    }
    session_call(a->session, method, params, on_answer, a);
    status = runtime_run(a->runtime);
    if (status == CTL_OK) {
        (void)json_object_del(a->result, "action"); /* the method */
        *ret_result = a->result;
        a->result = NULL;
    }
    return status;
}

int ask_wait(struct ask *a, uint64_t ms)
{
    if (a->end_status != CTL_OK)
        return a->end_status;
    term_flush(a->term);
    loop_timer(runtime_loop(a->runtime), &a->wait, ms);
    return runtime_run(a->runtime);
}

const char *ask_url(const struct ask *a)
{
    return a->target->url;
}

int ask_once(const struct invocation *in, const char *method, json_t *params, json_t **ret_result)
{
    struct ask *a;
    int status = ask_open(in, &a);

    if (status != CTL_OK) {
        json_decref(params);
        return status;
    }
    status = ask_call(a, method, params, ret_result);
    ask_close(a);
    return status;
}
