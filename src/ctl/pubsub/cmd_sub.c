/* cmd_sub.c - prints messages as they are published, across connections.
 *
 * Every subscription is made with `gaps`, so its confirmation has `lastEventId`, the position at
 * which it begins. From then on the position is known (follow.h), even if no message has come yet,
 * and the next connection goes on from there:
 *
 *     subscribe news/#                       -> lastEventId 5-0
 *                                               message 7-0: printed
 *     (the server restarts; 8-0 is published)
 *     subscribe news/#, sinceEventId 7-0     -> recovered true
 *                                               message 8-0: printed
 *
 * Nothing is lost as long as the log reaches back to the position; if it does not, the server says
 * so (`recovered` false, or a gap), and so do we. Nothing is doubled, because the server sends what
 * comes after the position only.
 */
#include "ctl/pubsub/cmd_sub.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "ctl/line/arguments.h"
#include "ctl/line/options.h"
#include "ctl/link/connecting.h"
#include "ctl/link/runtime.h"
#include "ctl/link/session.h"
#include "ctl/link/target.h"
#include "ctl/pubsub/follow.h"
#include "ctl/pubsub/print.h"
#include "ctl/pubsub/start.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "ctl/term/units.h"
#include "net/loop.h"
#include "proto/json.h"

struct values {
    struct start_options start;
    struct print_options print;
    uint64_t count;      /* 0: no end */
    uint64_t timeout_ms; /* 0: none */
    bool gaps;
};

struct sub {
    const struct invocation *in;
    const struct values *values;
    struct target *target;
    struct runtime *runtime;
    struct session *session;
    struct follows follows;
    struct subscription *subscriptions; /* one for each of follows.at */
    size_t n_unconfirmed;
    bool is_again; /* it has been connected before */
    struct timer timeout;
    uint64_t n_printed;
    bool has_missed; /* the server has reported that messages may be missing */
    bool has_ended;  /* nothing more is printed */
    int status;
};

struct subscription {
    struct sub *sub;
    struct follow *follow;
};

/* ---- the end ---- */

/* Ends with the status, after a Close. */
static void end(struct sub *s, int status)
{
    if (s->has_ended)
        return;
    s->has_ended = true;
    s->status = status == CTL_OK && s->values->gaps && s->has_missed ? CTL_NEGATIVE : status;
    session_close(s->session);
}

static void on_closed(void *arg)
{
    struct sub *s = arg;

    runtime_end(s->runtime, s->status);
}

static void on_interrupt(void *arg)
{
    end(arg, CTL_INTERRUPTED);
}

static void on_timeout(struct timer *t)
{
    struct sub *s = container_of(t, struct sub, timeout);

    if (s->values->count)
        term_note(s->in->term, "%" PRIu64 " of %" PRIu64 " messages have come in time",
                  s->n_printed, s->values->count);
    end(s, s->values->count ? CTL_TIMEOUT : CTL_OK);
}

/* ---- messages ---- */

static void print_gap(struct sub *s, struct str topic)
{
    struct buf line = { 0 };

    if (print_is_json(s->in, &s->values->print)) {
        json_auto_t *o = json_pack("{s:b, s:s%}", "gap", 1, "topic", topic.p, topic.n);

        term_result_json(s->in->term, o);
        return;
    }
    buf_add_str(&line, STR("gap: messages of \""));
    term_add_data(s->in->term, &line, topic);
    buf_add_str(&line, STR("\" may be missing here\n"));
    term_write(s->in->term, buf_str(&line));
    buf_done(&line);
}

static void on_gap(struct sub *s, struct str topic)
{
    s->has_missed = true;
    term_warn(s->in->term, "messages of \"%.*s\" may be missing: the log does not hold them all",
              STR_ARG(topic));
    if (s->values->gaps)
        print_gap(s, topic);
}

static void on_message(json_t *result, void *arg)
{
    struct subscription *one = arg;
    struct sub *s = one->sub;
    struct str topic = json_text(json_object_get(result, "topic"));
    struct msgid id;

    if (s->has_ended)
        return;
    if (str_eq(json_text(json_object_get(result, "action")), STR("gap"))) {
        on_gap(s, topic);
        return;
    }
    if (msgid_parse(json_text(json_object_get(result, "id")), &id) < 0 ||
        !follow_accept(&s->follows, one->follow, id, topic))
        return;
    print_message(s->in, &s->values->print, result);
    if (++s->n_printed == s->values->count)
        end(s, CTL_OK);
}

/* ---- subscribing ---- */

/* Reports whether `recovered` false is news: with --all, the log is all that was asked for. */
static bool has_asked_for_all_since(const struct sub *s)
{
    const struct start_options *from = &s->values->start;

    return s->is_again || from->since || from->since_id || from->latest;
}

static void subscribe(struct subscription *one);

/* After a reconnect, a subscription with history waits for a broker that is away. Asks again, which
 * replaces the subscription that was not confirmed. */
static void ask_again(struct subscription *one)
{
    term_warn(one->sub->in->term,
              "the server has not confirmed \"%.*s\" yet: its broker may be away; asking again",
              STR_ARG(one->follow->filter));
    subscribe(one);
}

static void on_confirmed(const struct session_answer *answer, void *arg)
{
    struct subscription *one = arg;
    struct sub *s = one->sub;
    struct buf why = { 0 };

    if (s->has_ended || answer->state == SESSION_LOST)
        return; /* the next connection subscribes again */
    if (answer->state == SESSION_ANSWERED) {
        if (!follow_confirm(one->follow, answer->result) && has_asked_for_all_since(s))
            on_gap(s, one->follow->filter);
        if (--s->n_unconfirmed == 0)
            term_note(s->in->term, s->is_again ? "connected again" : "connected; Ctrl-C stops");
        return;
    }
    if (answer->state == SESSION_LATE && s->is_again) {
        ask_again(one);
        return;
    }
    session_add_why(&why, answer);
    term_error(s->in->term, "cannot subscribe to \"%.*s\": %.*s", STR_ARG(one->follow->filter),
               STR_ARG(buf_str(&why)));
    buf_done(&why);
    end(s, session_exit_status(answer));
}

static void subscribe(struct subscription *one)
{
    struct sub *s = one->sub;

    session_subscribe(s->session, follow_params(&s->follows, one->follow), on_confirmed, on_message,
                      one);
}

static void on_open(void *arg, bool again)
{
    struct sub *s = arg;

    s->is_again = again;
    s->n_unconfirmed = s->follows.n;
    for (size_t i = 0; i < s->follows.n; i++)
        subscribe(&s->subscriptions[i]);
}

static void on_lost(void *arg, int status, const char *why, uint64_t wait_ms)
{
    struct sub *s = arg;

    (void)status;
    if (s->has_ended)
        return;
    term_warn(s->in->term, "%s; connecting again in %.1f s", why, (double)wait_ms / 1000);
}

static void on_end(void *arg, int status, const char *why)
{
    struct sub *s = arg;

    if (!s->has_ended)
        term_error(s->in->term, "%s", why);
    s->has_ended = true;
    runtime_end(s->runtime, status);
}

static const struct session_events session_events = {
    .on_open = on_open,
    .on_lost = on_lost,
    .on_end = on_end,
    .on_closed = on_closed,
};

/* ---- the command ---- */

static int check(const struct invocation *in, struct start *ret_start)
{
    const struct values *values = in->values;
    const char *wrong = start_read(&values->start, ret_start);

    for (size_t i = 0; i < in->n_words; i++) {
        int status = argument_filter(in->term, in->words[i]);

        if (status != CTL_OK)
            return status;
    }
    if (wrong) {
        term_error(in->term, "%s", wrong);
        return CTL_USAGE;
    }
    return print_check(in, &values->print);
}

static int start(struct sub *s)
{
    int status = connecting_begin(s->in, &s->target, &s->runtime);

    if (status != CTL_OK)
        return status;
    runtime_on_interrupt(s->runtime, on_interrupt, s);
    timer_init(&s->timeout, on_timeout);
    if (s->values->timeout_ms)
        loop_timer(runtime_loop(s->runtime), &s->timeout, s->values->timeout_ms);
    s->session = session_create(s->runtime, &(struct session_setup){ .target = s->target,
                                                                     .reconnect = true,
                                                                     .events = &session_events,
                                                                     .arg = s });
    return runtime_run(s->runtime);
}

static int run(const struct invocation *in)
{
    struct sub s = { .in = in, .values = in->values };
    struct start from;
    int status = check(in, &from);

    if (status != CTL_OK)
        return status;
    follows_init(&s.follows, in->words, in->n_words, from);
    s.subscriptions = mem_array(NULL, s.follows.n, sizeof(*s.subscriptions));
    for (size_t i = 0; i < s.follows.n; i++)
        s.subscriptions[i] = (struct subscription){ .sub = &s, .follow = &s.follows.at[i] };
    status = start(&s);
    timer_stop(&s.timeout);
    session_free(s.session);
    runtime_free(s.runtime);
    target_free(s.target);
    free(s.subscriptions);
    follows_done(&s.follows);
    return status;
}

#define MEMBER(name) .offset = offsetof(struct values, name)

static const struct option options[] = {
    START_OPTIONS(struct values, start),
    { "all", 0, OPTION_FLAG, MEMBER(start.all),
      .about = "begin with everything that the log holds" },
    { "latest", 0, OPTION_FLAG, MEMBER(start.latest),
      .about = "begin with the newest message of each topic" },
    { "count", 'n', OPTION_NUMBER, MEMBER(count), .value = "N", .min = 1, .max = UINT64_MAX,
      .about = "end after this many messages" },
    { "timeout", 0, OPTION_DURATION, MEMBER(timeout_ms), .value = "TIME", .min = 1, .max = YEAR_MS,
      .about = "end after this time, with status 5 if --count was not reached" },
    { "gaps", 0, OPTION_FLAG, MEMBER(gaps),
      .about =
          "print a line where messages may be missing, and end with status 1 if there was one" },
    PRINT_OPTIONS(struct values, print, "%t %m"),
    { 0 },
};

static const struct example examples[] = {
    { "eventhubctl sub 'news/#'", "prints the messages of news and all topics below it" },
    { "eventhubctl sub --since -10m --format '%T %t %m' 'chat/+'",
      "begins with the last ten minutes" },
    { "eventhubctl sub --count 1 --timeout 30s --json jobs/done",
      "waits up to 30 seconds for one message" },
    { 0 },
};

const struct command cmd_sub = {
    .name = "sub",
    .summary = "print messages as they are published",
    .arguments = "PATTERN...",
    .min_words = 1,
    .max_words = SESSION_CALLS_MAX,
    .about = "Subscribes to topics and patterns. When the connection is lost, it connects\n"
             "again and continues after the last message, so that a restart of the server\n"
             "loses nothing. If messages may be missing all the same, it says so on stderr.\n"
             "A message that several of the patterns match is printed once. Put patterns in\n"
             "quotes: for the shell, # begins a comment.",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .options = options,
    .size = sizeof(struct values),
    .examples = examples,
    .run = run,
};
