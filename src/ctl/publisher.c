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
 * stdin is read only while there is room for its lines, so a slow server slows down the program
 * that writes them.
 */
#include "ctl/publisher.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/buf.h"
#include "ctl/arguments.h"
#include "ctl/command.h"
#include "ctl/connecting.h"
#include "ctl/input.h"
#include "ctl/lines.h"
#include "ctl/pace.h"
#include "ctl/pub_report.h"
#include "ctl/publishes.h"
#include "ctl/runtime.h"
#include "ctl/session.h"
#include "ctl/target.h"
#include "ctl/term.h"
#include "net/loop.h"
#include "proto/json.h"
#include "proto/utf8.h"

#define PROGRESS_MS 200
#define RUN_TEXT    22 /* "<16 hex digits>-" and room */

struct publisher {
    const struct invocation *in;
    const struct publisher_setup *setup;
    struct target *target;
    struct runtime *runtime;
    struct session *session;
    struct publishes publishes;
    struct input input; /* stdin, with lines only */
    struct lines lines;
    bool source_ended;
    struct pace pace;
    struct timer pace_timer, progress_timer;
    char run[RUN_TEXT]; /* begins all keys of this run */
    uint64_t n_taken;
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
    if (p->is_closing || !p->source_ended || p->publishes.n > 0)
        return;
    p->is_closing = true;
    session_close(p->session);
}

static void on_closed(void *arg)
{
    struct publisher *p = arg;

    stop(p, p->report.status);
}

/* The first Ctrl-C: what is under way is still waited for. */
static void on_interrupt(void *arg)
{
    struct publisher *p = arg;

    p->report.status = CTL_INTERRUPTED;
    p->source_ended = true;
    input_close(&p->input);
    if (session_is_open(p->session))
        close_if_done(p);
    else
        stop(p, CTL_INTERRUPTED);
}

/* ---- taking messages from the source ---- */

/* Takes the next line that can be published. False: none is there yet, or there are no more. */
static bool take_line(struct publisher *p, struct str *ret)
{
    char why[64];
    int rc;

    while ((rc = lines_next(&p->lines, ret)) != 0) {
        if (rc > 0 && ret->n > 0 && utf8_is_valid(*ret))
            return true;
        (void)snprintf(why, sizeof(why), "longer than %d MiB", ARGUMENT_TEXT_MAX >> 20);
        if (rc < 0)
            pub_report_fail(&p->report, p->lines.number, CTL_NEGATIVE, why);
        else if (ret->n > 0)
            pub_report_fail(&p->report, p->lines.number, CTL_NEGATIVE, "not UTF-8 text");
        else
            p->report.n_empty++;
    }
    if (p->lines.has_ended)
        p->source_ended = true;
    else
        input_resume(&p->input);
    return false;
}

static bool take_text(struct publisher *p, struct str *ret)
{
    *ret = p->setup->text;
    p->source_ended = p->n_taken + 1 == p->setup->repeat;
    return true;
}

/* Moves the next message of the source to those that wait. */
static bool take(struct publisher *p)
{
    struct str text;

    if (p->source_ended || !publishes_has_room(&p->publishes))
        return false;
    if (!pace_may(&p->pace, now(p))) {
        loop_timer(runtime_loop(p->runtime), &p->pace_timer, pace_wait_ms(&p->pace, now(p)));
        return false;
    }
    if (!(has_lines(p) ? take_line(p, &text) : take_text(p, &text)))
        return false;
    pace_take(&p->pace, now(p));
    p->n_taken++;
    publishes_add(&p->publishes, has_lines(p) ? p->lines.number : p->n_taken, text, p);
    return true;
}

/* ---- sending ---- */

static void pump(struct publisher *p);

static void on_answer(const struct session_answer *answer, void *arg)
{
    struct publish *one = arg;
    struct publisher *p = one->owner;
    const char *id = json_string_value(json_object_get(answer->result, "id"));
    bool is_forbidden = session_exit_status(answer) == CTL_NOT_PERMITTED;

    if (answer->state == SESSION_LOST)
        return; /* on_lost or on_end follows */
    if (answer->state != SESSION_ANSWERED)
        fail_answer(p, one->number, answer);
    else if (!id)
        pub_report_fail(&p->report, one->number, CTL_NEGATIVE,
                        "over the rate limit of the token: publish more slowly (--rate)");
    else
        pub_report_done(&p->report, id);
    publishes_remove(&p->publishes, one);
    if (is_forbidden)
        stop(p, CTL_NOT_PERMITTED); /* the other messages have the same topic */
    else
        pump(p);
}

static void send_one(struct publisher *p, struct publish *one)
{
    char key[RUN_TEXT + STR_U64];
    json_t *params =
        json_pack("{s:s, s:s%}", "topic", p->setup->topic, "message", one->text.p, one->text.n);

    (void)snprintf(key, sizeof(key), "%s%" PRIu64, p->run, one->number);
    json_object_set_new(params, "key", json_string(p->setup->key ? p->setup->key : key));
    if (p->setup->ttl_s)
        json_object_set_new(params, "ttl", json_integer((json_int_t)p->setup->ttl_s));
    publishes_sent(&p->publishes, one, now(p));
    session_call(p->session, "publish", params, on_answer, one);
}

/* Sends whatever may be sent now. */
static void pump(struct publisher *p)
{
    struct publish *one;

    while (!p->is_closing && session_is_open(p->session) && session_has_room(p->session)) {
        one = publishes_next(&p->publishes);
        if (!one && !take(p))
            break;
        if (one)
            send_one(p, one);
    }
    close_if_done(p);
}

/* ---- stdin ---- */

/* Reads no more until these lines are taken (take_line). */
static void on_input(struct input *in, const char *bytes, size_t n)
{
    struct publisher *p = container_of(in, struct publisher, input);

    lines_add(&p->lines, bytes, n);
    input_pause(in);
    pump(p);
}

static void on_input_end(struct input *in, int err)
{
    struct publisher *p = container_of(in, struct publisher, input);

    input_close(in);
    lines_end(&p->lines);
    if (err) {
        term_error(p->in->term, "cannot read stdin: %s", strerror(err));
        p->report.status = CTL_USAGE;
    }
    pump(p);
}

static const struct input_events input_events = { on_input, on_input_end };

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

static void on_pace(struct timer *t)
{
    pump(container_of(t, struct publisher, pace_timer));
}

static void on_progress(struct timer *t)
{
    struct publisher *p = container_of(t, struct publisher, progress_timer);

    pub_report_progress(&p->report, now(p), p->publishes.n);
    loop_timer(runtime_loop(p->runtime), t, PROGRESS_MS);
}

/* Makes the text that begins all keys of this run, so that no other run has the same keys. */
static void name_run(struct publisher *p)
{
    uint64_t random = 0;

    (void)!getrandom(&random, sizeof(random), 0); /* 8 bytes are never cut short */
    (void)snprintf(p->run, sizeof(p->run), "%016" PRIx64 "-", random);
}

static int start(struct publisher *p)
{
    struct session_setup setup = {
        .timeout_ms = p->in->common->timeout_ms,
        .reconnect = true,
        .events = &session_events,
        .arg = p,
    };
    int status = connecting_begin(p->in, &p->target, &p->runtime);

    if (status != CTL_OK)
        return status;
    setup.target = p->target;
    runtime_on_interrupt(p->runtime, on_interrupt, p);
    timer_init(&p->pace_timer, on_pace);
    timer_init(&p->progress_timer, on_progress);
    if (!is_single(p))
        loop_timer(runtime_loop(p->runtime), &p->progress_timer, PROGRESS_MS);
    p->session = session_create(p->runtime, &setup);
    if (has_lines(p) &&
        input_open(&p->input, runtime_loop(p->runtime), STDIN_FILENO, &input_events) < 0) {
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
        .input.fd = -1,
        .pace.rate = setup->rate,
        .report = { .term = in->term, .topic = setup->topic, .json = in->common->json },
    };
    int status;

    publishes_init(&p.publishes);
    lines_init(&p.lines, ARGUMENT_TEXT_MAX);
    name_run(&p);
    if (!is_single(&p))
        p.report.noun = has_lines(&p) ? "line" : "message";
    status = start(&p);
    if (p.runtime)
        pub_report_print(&p.report, now(&p), p.publishes.n);
    timer_stop(&p.pace_timer);
    timer_stop(&p.progress_timer);
    input_close(&p.input);
    session_free(p.session);
    runtime_free(p.runtime);
    target_free(p.target);
    lines_done(&p.lines);
    publishes_done(&p.publishes);
    return status;
}
