#include "ctl/cmd_ping.h"

#include <inttypes.h>
#include <jansson.h>

#include "base/clock.h"
#include "ctl/line/command.h"
#include "ctl/line/option.h"
#include "ctl/link/ask.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "ctl/term/units.h"

struct ping_options {
    uint64_t count;
    uint64_t interval_ms;
};

struct times {
    uint64_t n, sum_us, min_us, max_us;
};

static double ms_of(uint64_t us)
{
    return (double)us / 1000;
}

static void add_time(struct times *t, uint64_t us)
{
    t->n++;
    t->sum_us += us;
    t->min_us = t->n == 1 || us < t->min_us ? us : t->min_us;
    t->max_us = us > t->max_us ? us : t->max_us;
}

static void print_summary(struct term *term, const struct times *t)
{
    if (t->n > 1)
        term_note(term, "%" PRIu64 " answers: shortest %.2f ms, average %.2f ms, longest %.2f ms",
                  t->n, ms_of(t->min_us), ms_of(t->sum_us) / (double)t->n, ms_of(t->max_us));
}

static void print_answer(struct term *term, const char *url, uint64_t us, const json_t *result)
{
    if (term->json) {
        json_auto_t *line = json_pack("{s:s, s:f, s:O*}", "url", url, "ms", ms_of(us), "pong",
                                      json_object_get(result, "pong"));

        term_result_json(term, line);
    } else {
        term_printf(term, "pong from %s in %.2f ms\n", url, ms_of(us));
    }
}

/* Sends one ping and prints its answer. */
static int ping(const struct invocation *in, struct ask *ask, struct times *times)
{
    json_auto_t *result = NULL;
    const uint64_t sent_us = clock_mono_us();
    const int status = ask_call(ask, "ping", NULL, &result);
    const uint64_t us = clock_mono_us() - sent_us;

    if (status != CTL_OK)
        return status;
    add_time(times, us);
    print_answer(in->term, ask_url(ask), us, result);
    return CTL_OK;
}

static int run(const struct invocation *in)
{
    const struct ping_options *values = in->values;
    struct times times = { .n = 0 };
    struct ask *ask;
    int status = ask_open(in, &ask);

    if (status != CTL_OK)
        return status;
    status = ping(in, ask, &times);
    while (status == CTL_OK && times.n < values->count) {
        status = ask_wait(ask, values->interval_ms);
        if (status == CTL_OK)
            status = ping(in, ask, &times);
    }
    ask_close(ask);
    print_summary(in->term, &times);
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
