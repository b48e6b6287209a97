/* publisher.c - from stdin to the server, each message stored once and in order.
 *
 * Many publishes are under way at a time, so that the rate does not depend on the round trip. When
 * the connection is lost, it is not known which of them the server has stored. So each has a key of
 * its own, a random text of this run and its number. After a reconnect, all that were not answered
 * are sent again, in order; the server answers those that it has stored with their first id.
 *
 *     sent 1 2 3 4 5    answered 1 2    (connection lost; the server has stored 1 2 3)
 *     sent 3 4 5        answered 3 4 5  (3 is a repetition; stored 1 2 3 4 5)
 *
 * A broker that fails for a moment refuses messages. They are sent again, too, for as long as
 * --timeout. The embedded broker remembers keys for minutes, in a bounded memory. When that is
 * full, it refuses all messages with keys, and at once. So a message that was refused at once is
 * tried without a key. If two in a row need that, the rest goes without keys, and what is under way
 * when the connection is lost is reported instead of sent again.
 *
 * stdin is read only while there is room for its lines, so a slow server slows down the program
 * that writes them.
 */
#include "ctl/pubsub/publisher.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/random.h"
#include "ctl/line/command.h"
#include "ctl/link/connecting.h"
#include "ctl/link/runtime.h"
#include "ctl/link/session.h"
#include "ctl/link/target.h"
#include "ctl/pubsub/pace.h"
#include "ctl/pubsub/pub_report.h"
#include "ctl/pubsub/pub_source.h"
#include "ctl/pubsub/publishes.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "net/loop.h"
#include "proto/json.h"
#include "proto/jsonrpc.h"

#define PROGRESS_MS 200
#define RETRY_MS    200  /* after the broker refused a message */
#define AT_ONCE_MS  1000 /* a broker that is away refuses a message after BROKER_TIMEOUT */
#define KEYLESS_MAX 2    /* messages in a row that could only be published without a key */
#define RUN_TEXT    22   /* "<16 hex digits>-" and room */

struct publisher {
    const struct invocation *in;
    const struct publisher_setup *setup;
    struct target *target;
    struct runtime *runtime;
    struct session *session;
    struct publishes publishes;
    struct pub_source source;
    struct pace pace;
    struct timer pace_timer, progress_timer, retry_timer;
    bool has_warned;    /* that the broker refuses messages; since the last one that it took */
    bool tries_keyless; /* the broker has refused the last message, with a key, at once */
    unsigned n_keyless; /* messages in a row that went only without a key */
    char run[RUN_TEXT]; /* begins all keys of this run, and those of no other */
    bool is_closing;
    struct pub_report report;
};

static bool has_lines(const struct publisher *p)
{
    return !p->setup->text.p;
}

static bool is_single(const struct publisher *p)
{
    return !has_lines(p) && p->setup->repeat == 1;
}

/* A progress line would cover what somebody types. */
static bool has_progress(const struct publisher *p)
{
    return has_lines(p) ? isatty(STDIN_FILENO) != 1 : !is_single(p);
}

static uint64_t now(const struct publisher *p)
{
    return loop_now(runtime_loop(p->runtime));
}

/* ---- the end ---- */

static void fail_answer(struct publisher *p, uint64_t number, const struct session_answer *answer)
{
    struct buf why = { 0 };

    session_add_why(&why, answer);
    buf_add_char(&why, '\0');
    pub_report_fail(&p->report, number, session_exit_status(answer), buf_head(&why));
    buf_done(&why);
}

/* Ends at once, without waiting for answers. */
static void stop(struct publisher *p, int status)
{
    p->is_closing = true;
    p->report.status = status;
    runtime_end(p->runtime, status);
}

static void close_if_done(struct publisher *p)
{
    if (p->is_closing || !p->source.has_ended || p->publishes.n > 0)
        return;
    p->is_closing = true;
    session_close(p->session);
}

static void on_closed(void *arg)
{
    struct publisher *p = arg;

    stop(p, p->report.status);
}

/* The first Ctrl-C: stops reading, and waits for the messages under way. */
static void on_interrupt(void *arg)
{
    struct publisher *p = arg;

    p->report.status = CTL_INTERRUPTED;
    pub_source_close(&p->source);
    if (!session_is_open(p->session)) {
        stop(p, CTL_INTERRUPTED);
        return;
    }
    if (p->publishes.n)
        term_note(p->in->term, "waiting for the messages in flight; Ctrl-C again stops at once");
    close_if_done(p);
}

/* ---- sending ---- */

/* Moves the next message of the source to those that wait. */
static bool take(struct publisher *p)
{
    struct str text;
    const char *why;
    int rc;

    if (!publishes_has_room(&p->publishes))
        return false;
    if (!pace_may(&p->pace, now(p))) {
        loop_timer(runtime_loop(p->runtime), &p->pace_timer, pace_wait_ms(&p->pace, now(p)));
        return false;
    }
    while ((rc = pub_source_next(&p->source, &text, &why)) < 0)
        pub_report_fail(&p->report, p->source.number, CTL_NEGATIVE, why);
    if (rc == 0)
        return false;
    pace_take(&p->pace, now(p));
    publishes_add(&p->publishes, p->source.number, text, p);
    return true;
}

static void pump(struct publisher *p);

/* Arranges that a message the broker refused is sent again. False: it must not be sent again. */
static bool try_again(struct publisher *p, struct publish *one, const struct session_answer *answer)
{
    const bool is_certain = str_eq(answer->data, STR("not published"));

    if (answer->state != SESSION_REFUSED || answer->code != JSONRPC_BROKER ||
        (!is_certain && !one->has_key) || now(p) - one->sent_ms >= p->target->timeout_ms)
        return false;
    p->tries_keyless =
        !p->setup->key && is_certain && one->has_key && now(p) - one->last_ms < AT_ONCE_MS;
    publishes_refused(&p->publishes, one);
    if (!p->tries_keyless && !p->has_warned) {
        term_warn(p->in->term, "the broker refuses messages at the moment; trying again");
        p->has_warned = true;
    }
    if (!timer_is_running(&p->retry_timer))
        loop_timer(runtime_loop(p->runtime), &p->retry_timer, RETRY_MS);
    return true;
}

static void on_published(struct publisher *p, const struct publish *one, const char *id)
{
    pub_report_done(&p->report, id);
    p->has_warned = p->tries_keyless = false;
    if (one->has_key)
        p->n_keyless = 0;
    else if (++p->n_keyless == KEYLESS_MAX)
        term_warn(p->in->term, "the server has no memory for more keys: if the connection is lost, "
                               "messages under way will not be sent again");
}

static void on_answer(const struct session_answer *answer, void *arg)
{
    struct publish *one = arg;
    struct publisher *p = one->owner;
    const char *id = json_string_value(json_object_get(answer->result, "id"));
    bool is_forbidden = session_exit_status(answer) == CTL_NOT_PERMITTED;

    if (answer->state == SESSION_LOST || try_again(p, one, answer))
        return; /* if it is lost, on_lost or on_end follows */
    if (answer->state != SESSION_ANSWERED)
        fail_answer(p, one->number, answer);
    else if (!id)
        pub_report_fail(&p->report, one->number, CTL_NEGATIVE,
                        "over the rate limit of the token: publish more slowly (--rate)");
    else
        on_published(p, one, id);
    publishes_remove(&p->publishes, one);
    if (is_forbidden)
        stop(p, CTL_NOT_PERMITTED); /* the other messages have the same topic */
    else
        pump(p);
}

static bool needs_key(const struct publisher *p)
{
    return p->n_keyless < KEYLESS_MAX && !p->tries_keyless;
}

static void send_one(struct publisher *p, struct publish *one)
{
    const bool has_key = needs_key(p);
    char key[RUN_TEXT + STR_U64];
    json_t *params =
        json_pack("{s:s, s:s%}", "topic", p->setup->topic, "message", one->text.p, one->text.n);

    (void)snprintf(key, sizeof(key), "%s%" PRIu64, p->run, one->number);
    if (has_key)
        json_object_set_new(params, "key", json_string(p->setup->key ? p->setup->key : key));
    if (p->setup->ttl_s)
        json_object_set_new(params, "ttl", json_integer((json_int_t)p->setup->ttl_s));
    publishes_sent(&p->publishes, one, has_key, now(p));
    session_call(p->session, "publish", params, on_answer, one);
}

/* Sends whatever may be sent now. */
static void pump(struct publisher *p)
{
    struct publish *one;

    while (!p->is_closing && !timer_is_running(&p->retry_timer) && session_is_open(p->session) &&
           session_has_room(p->session)) {
        one = publishes_next(&p->publishes);
        if (!one && !take(p))
            break;
        if (one)
            send_one(p, one);
    }
    close_if_done(p);
}

/* ---- the connection ---- */

static void give_up_hopeless(struct publisher *p)
{
    struct publish *one;
    const char *why;

    while ((one = publishes_hopeless(&p->publishes, now(p), &why))) {
        pub_report_fail(&p->report, one->number, CTL_NEGATIVE, why);
        publishes_remove(&p->publishes, one);
    }
}

static void on_open(void *arg, bool again)
{
    struct publisher *p = arg;

    if (again)
        term_note(p->in->term, "connected again");
    else
        p->report.began_ms = now(p);
    give_up_hopeless(p);
    pump(p);
}

static void on_lost(void *arg, int status, const char *why, uint64_t wait_ms)
{
    struct publisher *p = arg;
    const bool too_big = status == CTL_NEGATIVE;

    publishes_lost(&p->publishes, too_big);
    if (too_big)
        give_up_hopeless(p); /* says which one it was */
    else
        term_warn(p->in->term, "%s; connecting again in %.1f s", why, (double)wait_ms / 1000);
    close_if_done(p);
}

static void on_end(void *arg, int status, const char *why)
{
    struct publisher *p = arg;

    term_error(p->in->term, "%s", why);
    stop(p, status);
}

static void on_room(void *arg)
{
    pump(arg);
}

static const struct session_events session_events = {
    .on_open = on_open,
    .on_lost = on_lost,
    .on_end = on_end,
    .on_room = on_room,
    .on_closed = on_closed,
};

/* ---- the run ---- */

static void on_source(void *arg)
{
    struct publisher *p = arg;

    if (p->source.err) {
        term_error(p->in->term, "cannot read stdin: %s", strerror(p->source.err));
        p->report.status = CTL_USAGE;
    }
    pump(p);
}

static void on_pace(struct timer *t)
{
    pump(container_of(t, struct publisher, pace_timer));
}

static void on_retry(struct timer *t)
{
    pump(container_of(t, struct publisher, retry_timer));
}

static void on_progress(struct timer *t)
{
    struct publisher *p = container_of(t, struct publisher, progress_timer);

    pub_report_progress(&p->report, now(p), p->publishes.n);
    loop_timer(runtime_loop(p->runtime), t, PROGRESS_MS);
}

static int start(struct publisher *p)
{
    int status = connecting_begin(p->in, &p->target, &p->runtime);

    if (status != CTL_OK)
        return status;
    runtime_on_interrupt(p->runtime, on_interrupt, p);
    timer_init(&p->pace_timer, on_pace);
    timer_init(&p->retry_timer, on_retry);
    timer_init(&p->progress_timer, on_progress);
    if (has_progress(p))
        loop_timer(runtime_loop(p->runtime), &p->progress_timer, PROGRESS_MS);
    p->session = session_create(p->runtime, &(struct session_setup){ .target = p->target,
                                                                     .reconnect = true,
                                                                     .events = &session_events,
                                                                     .arg = p });
    if (pub_source_open(&p->source, runtime_loop(p->runtime)) < 0) {
        term_error(p->in->term, "cannot read stdin: %m");
        return CTL_USAGE;
    }
    return runtime_run(p->runtime);
}

int publisher_run(const struct invocation *in, const struct publisher_setup *setup)
{
    struct publisher p = {
        .in = in,
        .setup = setup,
        .pace.rate = setup->rate,
        .report = { .term = in->term, .topic = setup->topic, .json = in->common->json },
    };
    int status;

    publishes_init(&p.publishes);
    pub_source_init(&p.source, setup->text, setup->repeat, on_source, &p);
    (void)snprintf(p.run, sizeof(p.run), "%016" PRIx64 "-", random_u64());
    if (!is_single(&p))
        p.report.noun = has_lines(&p) ? "line" : "message";
    status = start(&p);
    p.report.n_empty = p.source.n_empty;
    if (p.runtime)
        pub_report_print(&p.report, now(&p), p.publishes.n);
    timer_stop(&p.pace_timer);
    timer_stop(&p.retry_timer);
    timer_stop(&p.progress_timer);
    pub_source_close(&p.source);
    session_free(p.session);
    runtime_free(p.runtime);
    target_free(p.target);
    pub_source_done(&p.source);
    publishes_done(&p.publishes);
    return status;
}
