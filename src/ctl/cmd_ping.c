#include "ctl/cmd_ping.h"

#include <inttypes.h>
#include <jansson.h>

#include "base/clock.h"
#include "base/list.h"
#include "ctl/line/command.h"
#include "ctl/line/option.h"
#include "ctl/link/connecting.h"
#include "ctl/link/runtime.h"
#include "ctl/link/session.h"
#include "ctl/link/target.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "ctl/term/units.h"
#include "net/loop.h"

struct ping_options {
    uint64_t count;
    uint64_t interval_ms;
};

struct ping {
    const struct invocation *in;
    const struct ping_options *options;
    const struct target *target;
    struct runtime *runtime;
    struct session *session;
    struct timer next;
    uint64_t sent_us;
    uint64_t n; /* answers so far */
    uint64_t sum_us, min_us, max_us;
};

static double ms_of(uint64_t us)
{
    return (double)us / 1000;
}

static void print_summary(const struct ping *p)
{
    if (p->n > 1)
        term_note(p->in->term,
                  "%" PRIu64 " answers: shortest %.2f ms, average %.2f ms, longest %.2f ms", p->n,
                  ms_of(p->min_us), ms_of(p->sum_us) / (double)p->n, ms_of(p->max_us));
}

static void print_answer(struct ping *p, uint64_t took_us, const json_t *result)
{
    struct term *t = p->in->term;

    if (t->json) {
        json_auto_t *line = json_pack("{s:s, s:f, s:O*}", "url", p->target->url, "ms",
                                      ms_of(took_us), "pong", json_object_get(result, "pong"));

        term_result_json(t, line);
    } else {
        term_printf(t, "pong from %s in %.2f ms\n", p->target->url, ms_of(took_us));
    }
}

static void note(struct ping *p, uint64_t took_us)
{
    p->n++;
    p->sum_us += took_us;
    p->min_us = p->n == 1 || took_us < p->min_us ? took_us : p->min_us;
    p->max_us = took_us > p->max_us ? took_us : p->max_us;
}

static void on_answer(const struct session_answer *answer, void *arg)
{
    struct ping *p = arg;
    const uint64_t took_us = clock_mono_us() - p->sent_us;
    struct buf why = { 0 };

    if (answer->state == SESSION_ANSWERED) {
        note(p, took_us);
        print_answer(p, took_us, answer->result);
        if (p->n < p->options->count)
            loop_timer(runtime_loop(p->runtime), &p->next, p->options->interval_ms);
        else
            session_close(p->session);
    } else if (answer->state != SESSION_LOST) { /* if it is lost, on_end says more */
        session_add_why(&why, answer);
        term_error(p->in->term, "%.*s", STR_ARG(buf_str(&why)));
        buf_done(&why);
        runtime_end(p->runtime, session_exit_status(answer));
    }
}

static void send(struct ping *p)
{
    p->sent_us = clock_mono_us();
    session_call(p->session, "ping", NULL, on_answer, p);
}

static void on_next(struct timer *t)
{
    struct ping *p = container_of(t, struct ping, next);

    if (session_is_open(p->session))
        send(p);
}

static void on_open(void *arg, bool again)
{
    (void)again;
    send(arg);
}

static void on_end(void *arg, int status, const char *why)
{
    struct ping *p = arg;

    term_error(p->in->term, "%s", why);
    runtime_end(p->runtime, status);
}

static void on_closed(void *arg)
{
    struct ping *p = arg;

    runtime_end(p->runtime, CTL_OK);
}

static const struct session_events events = { .on_open = on_open,
                                              .on_end = on_end,
                                              .on_closed = on_closed };

static int run(const struct invocation *in)
{
    struct ping p = { .in = in, .options = in->values };
    struct session_setup setup = { .timeout_ms = in->common->timeout_ms,
                                   .events = &events,
                                   .arg = &p };
    struct target *target;
    int status = connecting_begin(in, &target, &p.runtime);

    if (status != CTL_OK)
        return status;
    p.target = setup.target = target;
    timer_init(&p.next, on_next);
    p.session = session_create(p.runtime, &setup);
    status = runtime_run(p.runtime);
    print_summary(&p);
    session_free(p.session);
    runtime_free(p.runtime);
    target_free(target);
    return status;
}

static const struct option options[] = {
    { "count", 'c', OPTION_NUMBER, offsetof(struct ping_options, count), .value = "NUMBER",
      .initial = "1", .min = 1, .max = UINT64_MAX, .about = "how many pings to send" },
    { "interval", 'i', OPTION_DURATION, offsetof(struct ping_options, interval_ms), .value = "TIME",
      .initial = "1s", .max = DAY_MS, .about = "how long to wait between two" },
    { 0 },
};

static const struct example examples[] = {
    { "eventhubctl ping", "connects, and prints how long one answer took" },
    { "eventhubctl ping --count 10 --interval 200ms --url wss://example.org",
      "measures ten times" },
    { 0 },
};

const struct command cmd_ping = {
    .name = "ping",
    .summary = "connect, and measure how long the server takes to answer",
    .arguments = "",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .options = options,
    .size = sizeof(struct ping_options),
    .examples = examples,
    .run = run,
};
