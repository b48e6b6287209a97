/* bench_load.c - one loop, a session for each subscriber and publisher, and four phases:
 *
 *   OPENING   connects and subscribes, OPENING_MAX at a time, so that the server's backlog of
 *             connections does not overflow
 *   RUNNING   publishes, in turn over all publishers, until the duration is over
 *   DRAINING  waits until everything has arrived, or nothing has for the timeout
 *   CHECKING  makes a round trip on each subscriber's connection: a message that the server sends
 *             once more arrives before that answer
 *
 * A delivery must cost little, as thousands of connections share one thread. So subscribers take
 * their messages from the session as text, before it is parsed (bench_text.h).
 */
#include "ctl/bench/bench_load.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "ctl/bench/bench_text.h"
#include "ctl/link/runtime.h"
#include "ctl/link/session.h"
#include "ctl/link/target.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "net/loop.h"

#define OPENING_MAX 64
#define PROGRESS_MS 200

enum phase { OPENING, RUNNING, DRAINING, CHECKING, OVER };

struct bench_client {
    struct load *load;
    struct session *session;
    uint32_t number; /* among subscribers, or among publishers */
};

struct load {
    const struct bench_plan *plan;
    const struct target *target;
    struct term *term;
    struct bench_stats *stats;
    struct bench_result *result;
    struct runtime *runtime;
    struct bench_client *clients; /* publishers, then subscribers */
    size_t n_clients;
    size_t n_opened, n_ready, n_checked;
    uint64_t n_answered; /* publishes */
    uint32_t next_pub;
    enum phase phase;
    int status;
    uint64_t began_us;       /* this phase */
    uint64_t delivered_us;   /* the last delivery */
    uint64_t n_due;          /* with a rate: messages that were due so far */
    struct loop_task top_up; /* publishes after the deliveries of a turn */
    struct timer tick;       /* with a rate: each ms */
    struct timer end;        /* of RUNNING */
    struct timer progress;
    struct bench_totals shown; /* at the last progress line */
    uint64_t shown_us;
    struct bench_text format;
    char *text;
};

static struct loop *loop_of(const struct load *l)
{
    return runtime_loop(l->runtime);
}

static void enter(struct load *l, enum phase phase)
{
    l->phase = phase;
    l->began_us = clock_mono_us();
}

static void fail(struct load *l, int status, const char *why)
{
    if (l->phase == OVER)
        return;
    l->phase = OVER;
    term_error(l->term, "%s", why);
    runtime_end(l->runtime, status);
}

/* False: the answer is a failure, which ends the run. */
static bool is_good(struct load *l, const struct session_answer *answer)
{
    struct buf why = { 0 };

    if (answer->state == SESSION_ANSWERED)
        return true;
    if (answer->state != SESSION_LOST) { /* if it is lost, on_end says more */
        session_add_why(&why, answer);
        if (l->plan->is_topic_own && session_exit_status(answer) == CTL_NOT_PERMITTED)
            buf_add_str(&why, STR("; choose a topic with --topic"));
        buf_add_char(&why, '\0');
        fail(l, session_exit_status(answer), buf_head(&why));
        buf_done(&why);
    }
    return false;
}

/* ---- the end ---- */

static void on_checked(const struct session_answer *answer, void *arg)
{
    struct load *l = ((struct bench_client *)arg)->load;

    if (!is_good(l, answer) || ++l->n_checked < l->plan->subs)
        return;
    l->phase = OVER;
    l->result->is_complete = true;
    runtime_end(l->runtime, l->status);
}

static void check(struct load *l)
{
    enter(l, CHECKING);
    for (size_t i = l->plan->pubs; i < l->n_clients; i++)
        session_call(l->clients[i].session, "ping", NULL, on_checked, &l->clients[i]);
}

static void check_if_drained(struct load *l)
{
    struct bench_totals t;

    if (l->phase != DRAINING)
        return;
    bench_stats_totals(l->stats, &t);
    if (l->n_answered == t.sent && bench_stats_due(l->stats) == 0)
        check(l);
}

/* Ends RUNNING: the figures are those until now. */
static void drain(struct load *l)
{
    struct bench_totals t;
    uint64_t now = clock_mono_us();

    bench_stats_totals(l->stats, &t);
    l->result->publishes = t.sent;
    l->result->deliveries = t.received;
    l->result->measured_us = now - l->began_us;
    l->delivered_us = now;
    enter(l, DRAINING);
    check_if_drained(l);
}

static void on_duration(struct timer *t)
{
    struct load *l = container_of(t, struct load, end);

    if (l->phase == RUNNING)
        drain(l);
}

static void on_interrupt(void *arg)
{
    struct load *l = arg;

    l->status = CTL_INTERRUPTED;
    if (l->phase == RUNNING)
        drain(l);
    else if (l->phase == OPENING)
        runtime_end(l->runtime, CTL_INTERRUPTED);
}

/* ---- publishing ---- */

static void on_published(const struct session_answer *answer, void *arg)
{
    struct load *l = ((struct bench_client *)arg)->load;

    if (!is_good(l, answer))
        return;
    l->n_answered++;
    check_if_drained(l);
}

/* Publishes with the next publisher. False: it has no room. */
static bool publish(struct load *l, uint64_t sent_us)
{
    struct bench_client *c = &l->clients[l->next_pub];
    struct bench_mark mark = { .pub = c->number, .sent_us = sent_us };

    if (!session_has_room(c->session))
        return false;
    mark.number = bench_stats_send(l->stats, c->number);
    bench_text_write(&l->format, &mark, l->text);
    session_call(c->session, "publish",
                 json_pack("{s:s, s:s%}", "topic", l->plan->topic, "message", l->text,
                           (size_t)l->plan->size),
                 on_published, c);
    l->next_pub = (uint32_t)((l->next_pub + 1) % l->plan->pubs);
    return true;
}

static void on_top_up(struct loop_task *task)
{
    struct load *l = container_of(task, struct load, top_up);

    while (l->phase == RUNNING && bench_stats_due(l->stats) < l->plan->window * l->plan->subs) {
        if (!publish(l, clock_mono_us()))
            return; /* on_room goes on */
    }
}

static uint64_t due_us(const struct load *l)
{
    return l->began_us + l->n_due * 1000000 / l->plan->rate;
}

static void on_tick(struct timer *t)
{
    struct load *l = container_of(t, struct load, tick);
    uint64_t now = clock_mono_us();

    if (l->phase != RUNNING)
        return;
    while (due_us(l) <= now && publish(l, due_us(l)))
        l->n_due++;
    loop_timer(loop_of(l), &l->tick, 1);
}

static void go_on(struct load *l)
{
    if (l->plan->rate == 0)
        loop_at_end(loop_of(l), &l->top_up);
}

static void on_room(void *arg)
{
    go_on(((struct bench_client *)arg)->load);
}

static void begin(struct load *l)
{
    l->result->connect_us = clock_mono_us() - l->began_us;
    enter(l, RUNNING);
    l->shown_us = l->began_us;
    loop_timer(loop_of(l), &l->end, l->plan->duration_ms);
    if (l->plan->rate)
        loop_timer(loop_of(l), &l->tick, 1);
    go_on(l);
}

/* ---- opening ---- */

static const struct session_events pub_events, sub_events;

static void open_some(struct load *l)
{
    struct session_setup setup = { .target = l->target };

    while (l->n_opened < l->n_clients && l->n_opened - l->n_ready < OPENING_MAX) {
        struct bench_client *c = &l->clients[l->n_opened];

        setup.events = l->n_opened++ < l->plan->pubs ? &pub_events : &sub_events;
        setup.arg = c;
        c->session = session_create(l->runtime, &setup);
    }
}

static void on_ready(struct load *l)
{
    if (++l->n_ready == l->n_clients)
        begin(l);
    else
        open_some(l);
}

static void on_pub_open(void *arg, bool again)
{
    (void)again;
    on_ready(((struct bench_client *)arg)->load);
}

static void on_end(void *arg, int status, const char *why)
{
    fail(((struct bench_client *)arg)->load, status, why);
}

static const struct session_events pub_events = { .on_open = on_pub_open,
                                                  .on_end = on_end,
                                                  .on_room = on_room };

/* ---- subscribers ---- */

static void on_subscribed(const struct session_answer *answer, void *arg)
{
    struct load *l = ((struct bench_client *)arg)->load;

    if (is_good(l, answer))
        on_ready(l);
}

/* Ignores a message that somebody else published to the same topic. */
static void on_other_message(json_t *result, void *arg)
{
    (void)result;
    (void)arg;
}

static void on_sub_open(void *arg, bool again)
{
    struct bench_client *c = arg;

    (void)again;
    session_subscribe(c->session, json_pack("{s:s}", "topic", c->load->plan->topic), on_subscribed,
                      on_other_message, c);
}

static bool on_sub_text(void *arg, struct str text)
{
    struct bench_client *c = arg;
    struct load *l = c->load;
    struct bench_mark mark;

    if (!bench_text_read(&l->format, text, &mark))
        return false;
    l->delivered_us = clock_mono_us();
    bench_stats_receive(l->stats, c->number, mark.pub, mark.number,
                        (l->delivered_us - mark.sent_us) * 1000);
    if (l->phase == RUNNING)
        go_on(l);
    else
        check_if_drained(l);
    return true;
}

static const struct session_events sub_events = { .on_open = on_sub_open,
                                                  .on_text = on_sub_text,
                                                  .on_end = on_end };

/* ---- progress ---- */

static void show_rates(struct load *l, uint64_t now_us)
{
    const double seconds = (double)(now_us - l->shown_us) / 1e6;
    struct bench_totals t;

    bench_stats_totals(l->stats, &t);
    term_progress(l->term,
                  "%" PRIu64 " of %" PRIu64 " s   %.0f publishes/s   %.0f deliveries/s   "
                  "%" PRIu64 " missing   %" PRIu64 " doubled   %" PRIu64 " out of order",
                  (now_us - l->began_us) / 1000000, l->plan->duration_ms / 1000,
                  (double)(t.sent - l->shown.sent) / seconds,
                  (double)(t.received - l->shown.received) / seconds,
                  t.lost - bench_stats_due(l->stats), t.doubled, t.out_of_order);
    l->shown = t;
    l->shown_us = now_us;
}

static void on_progress(struct timer *t)
{
    struct load *l = container_of(t, struct load, progress);
    const uint64_t now = clock_mono_us();

    switch (l->phase) {
    case OPENING: term_progress(l->term, "%zu of %zu connected", l->n_ready, l->n_clients); break;
    case RUNNING: show_rates(l, now); break;
    case DRAINING:
        term_progress(l->term, "waiting for %" PRIu64 " deliveries", bench_stats_due(l->stats));
        if (now - l->delivered_us >= l->target->timeout_ms * 1000)
            check(l); /* what is still due is lost */
        break;
    default: break;
    }
    loop_timer(loop_of(l), &l->progress, PROGRESS_MS);
}

/* ---- the whole run ---- */

static void init(struct load *l)
{
    const struct bench_plan *plan = l->plan;

    l->n_clients = plan->pubs + plan->subs;
    l->clients = mem_zalloc(l->n_clients * sizeof(l->clients[0]));
    for (size_t i = 0; i < l->n_clients; i++)
        l->clients[i] =
            (struct bench_client){ .load = l,
                                   .number = (uint32_t)(i < plan->pubs ? i : i - plan->pubs) };
    bench_text_init(&l->format, plan->run, plan->size);
    l->text = mem_alloc(plan->size);
    l->top_up.fn = on_top_up;
    timer_init(&l->tick, on_tick);
    timer_init(&l->end, on_duration);
    timer_init(&l->progress, on_progress);
}

static void done(struct load *l)
{
    for (size_t i = 0; i < l->n_clients; i++)
        session_free(l->clients[i].session);
    runtime_free(l->runtime);
    free(l->clients);
    free(l->text);
}

int bench_load(const struct bench_plan *plan, const struct target *target, struct term *term,
               struct bench_stats *stats, struct bench_result *ret)
{
    struct load l = { .plan = plan, .target = target, .term = term, .stats = stats, .result = ret };
    int status = runtime_create(term, &l.runtime);

    if (status != CTL_OK)
        return status;
    init(&l);
    runtime_on_interrupt(l.runtime, on_interrupt, &l);
    enter(&l, OPENING);
    open_some(&l);
    loop_timer(loop_of(&l), &l.progress, PROGRESS_MS);
    status = runtime_run(l.runtime);
    term_progress_end(term);
    done(&l);
    return status;
}
