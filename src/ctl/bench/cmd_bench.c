#include "ctl/bench/cmd_bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/random.h"
#include "ctl/bench/bench_load.h"
#include "ctl/bench/bench_report.h"
#include "ctl/bench/bench_text.h"
#include "ctl/line/arguments.h"
#include "ctl/line/command.h"
#include "ctl/line/option.h"
#include "ctl/link/target.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "ctl/term/units.h"

#define SPARE_DESCRIPTORS 96 /* besides the connections; also for looking up names */
#define TOPIC_MAX         32

struct bench_options {
    uint64_t subs;
    uint64_t pubs;
    uint64_t rate;
    uint64_t window;
    uint64_t size;
    uint64_t duration_ms;
    const char *topic;
};

/* Raises the limit of descriptors as far as this user may. False: it is too low, and a line has
 * said what to do. */
static bool has_descriptors(struct term *t, uint64_t connections)
{
    const rlim_t wanted = (rlim_t)connections + SPARE_DESCRIPTORS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return true;
    if (limit.rlim_max >= wanted) {
        limit.rlim_cur = wanted;
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
            return true;
    }
    term_error(t,
               "%" PRIu64 " connections need %" PRIu64
               " file descriptors, and the limit is %" PRIu64 ": raise it (ulimit -n %" PRIu64
               "), or lower --subs",
               connections, (uint64_t)wanted, (uint64_t)limit.rlim_max, (uint64_t)wanted);
    return false;
}

static void print(const struct invocation *in, const struct bench_report *r)
{
    struct buf text = { 0 };

    if (in->common->json) {
        json_auto_t *value = bench_report_json(r);

        term_result_json(in->term, value);
    } else {
        bench_report_add_table(&text, r);
        term_write(in->term, buf_str(&text));
    }
    term_flush(in->term);
    buf_done(&text);
}

/* Returns the exit status: a fault counts more than Ctrl-C. */
static int judge(const struct invocation *in, const struct bench_report *r, int status)
{
    struct buf why = { 0 };
    bool is_good = bench_report_is_good(r, &why);

    if (!is_good)
        term_error(in->term, "%.*s", STR_ARG(buf_str(&why)));
    buf_done(&why);
    return is_good ? status : CTL_NEGATIVE;
}

static int bench(const struct invocation *in, const struct bench_plan *plan,
                 const struct target *target)
{
    struct bench_stats *stats = bench_stats_create(plan->pubs, plan->subs);
    struct bench_result result = { 0 };
    int status = bench_load(plan, target, in->term, stats, &result);

    if (result.is_complete) {
        struct bench_report report = { .plan = plan,
                                       .result = &result,
                                       .latency = bench_stats_latency(stats) };

        bench_stats_totals(stats, &report.totals);
        print(in, &report);
        status = judge(in, &report, status);
    }
    bench_stats_free(stats);
    return status;
}

static struct bench_plan plan_of(const struct invocation *in, char own_topic[TOPIC_MAX])
{
    const struct bench_options *o = in->values;
    struct bench_plan plan = { .subs = o->subs,
                               .pubs = o->pubs,
                               .rate = o->rate,
                               .window = o->window,
                               .size = o->size,
                               .duration_ms = o->duration_ms,
                               .topic = o->topic,
                               .is_topic_own = !o->topic,
                               .run = random_u64() };

    (void)snprintf(own_topic, TOPIC_MAX, "bench/%016" PRIx64, plan.run);
    if (!plan.topic)
        plan.topic = own_topic;
    return plan;
}

static int run(const struct invocation *in)
{
    char own_topic[TOPIC_MAX];
    const struct bench_plan plan = plan_of(in, own_topic);
    struct target *target;
    struct buf why = { 0 };
    int status = CTL_USAGE;

    if (plan.subs * plan.pubs > BENCH_PAIRS_MAX) {
        term_error(in->term,
                   "--subs times --pubs must be at most %d: each subscriber checks each publisher; "
                   "lower one of them",
                   BENCH_PAIRS_MAX);
        return CTL_USAGE;
    }
    if (argument_topic(in->term, plan.topic) != CTL_OK ||
        !has_descriptors(in->term, plan.subs + plan.pubs))
        return CTL_USAGE;
    if (target_create(in->common, NULL, &target, &why) < 0) {
        term_error(in->term, "%.*s", STR_ARG(buf_str(&why)));
    } else {
        status = bench(in, &plan, target);
        target_free(target);
    }
    buf_done(&why);
    return status;
}

#define MEMBER(name) offsetof(struct bench_options, name)

static const struct option options[] = {
    { "subs", 0, OPTION_NUMBER, MEMBER(subs), .value = "NUMBER", .initial = "1000", .min = 1,
      .max = 1000000, .about = "how many subscribers, each with a connection of its own" },
    { "pubs", 0, OPTION_NUMBER, MEMBER(pubs), .value = "NUMBER", .initial = "4", .min = 1,
      .max = BENCH_PUBS_MAX, .about = "how many publishers, each with a connection of its own" },
    { "rate", 0, OPTION_RATE, MEMBER(rate), .value = "RATE", .min = 1, .max = 1000000,
      .about =
          "publish this many messages per second in total; without it, --window sets the pace" },
    { "window", 0, OPTION_NUMBER, MEMBER(window), .value = "NUMBER", .initial = "16", .min = 1,
      .max = 10000,
      .about = "how many messages may be in flight at a time; a message is in flight until all "
               "subscribers have received it" },
    { "size", 0, OPTION_SIZE, MEMBER(size), .value = "BYTES", .initial = "128",
      .min = BENCH_TEXT_MIN, .max = 1024 * 1024, .about = "the size of a message" },
    { "duration", 'd', OPTION_DURATION, MEMBER(duration_ms), .value = "TIME", .initial = "10s",
      .min = 100, .max = HOUR_MS, .about = "how long to publish" },
    { "topic", 0, OPTION_TEXT, MEMBER(topic), .value = "TOPIC",
      .about = "the topic to use; without it, bench/ and a random number" },
    { 0 },
};

static const struct example examples[] = {
    { "eventhubctl bench", "1000 subscribers, 4 publishers, as fast as the server can for 10 s" },
    { "eventhubctl bench --subs 5000 --rate 100/s --duration 1m",
      "measures the latency at a fixed rate" },
    { "eventhubctl bench --subs 1 --pubs 1 --window 1",
      "sends one message at a time, and measures how long each takes" },
    { 0 },
};

const struct command cmd_bench = {
    .name = "bench",
    .summary = "load the server and measure it: rates, latency, and whether anything is lost",
    .arguments = "",
    .about = "All subscribers and publishers use one topic, which the token must permit\n"
             "reading and writing. Each subscriber checks that it receives every message\n"
             "once, and those of a publisher in order; if not, the exit status is 1. Latency\n"
             "is the time from publishing a message to its arrival. The load uses one CPU;\n"
             "on the server's own machine, it competes with the server for it.",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .options = options,
    .size = sizeof(struct bench_options),
    .examples = examples,
    .run = run,
};
