#include "ctl/pubsub/cmd_log.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "ctl/line/arguments.h"
#include "ctl/line/options.h"
#include "ctl/link/ask.h"
#include "ctl/pubsub/print.h"
#include "ctl/pubsub/start.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "hub/msgid.h"
#include "proto/json.h"

#define FROM_THE_FIRST 1 /* `since`, in ms: everything */

struct values {
    struct start_options start;
    struct print_options print;
    uint64_t limit; /* 0: none */
};

static void note_none(const struct invocation *in)
{
    if (in->term->out_is_terminal)
        term_note(in->term, "no messages");
}

static void print_items(const struct invocation *in, const json_t *items)
{
    const struct values *values = in->values;
    const json_t *item;
    size_t i;

    json_array_foreach(items, i, item)
    {
        print_message(in, &values->print, item);
    }
}

/* Moves *after to the last of the items. False: there are no items. */
static bool pass(const json_t *items, struct msgid *after)
{
    const json_t *last = json_array_get(items, json_array_size(items) - 1);

    return msgid_parse(json_text(json_object_get(last, "id")), after) == EH_OK;
}

/* Prints the newest messages: one question, because the log cannot be read backwards. */
static int print_newest(const struct invocation *in, struct ask *ask, int64_t since)
{
    const struct values *values = in->values;
    json_auto_t *answer = NULL;
    json_t *params =
        json_pack("{s:s, s:I, s:I}", "topic", in->words[0], "since",
                  (json_int_t)(since ? since : FROM_THE_FIRST), "limit", (json_int_t)values->limit);
    int status = ask_call(ask, "eventlog", params, &answer);

    if (status != CTL_OK)
        return status;
    if (json_array_size(json_object_get(answer, "items")) == 0)
        note_none(in);
    print_items(in, json_object_get(answer, "items"));
    return CTL_OK;
}

static json_t *page_params(const struct invocation *in, struct msgid after, uint64_t left)
{
    json_t *params = json_pack("{s:s}", "topic", in->words[0]);
    char id[MSGID_TEXT];

    json_object_set_new(params, "sinceEventId", json_stringn(id, msgid_format(after, id)));
    if (left < UINT32_MAX)
        json_object_set_new(params, "limit", json_integer((json_int_t)left));
    return params;
}

/* Prints everything after an id, page by page, up to the limit. must_be_complete: warns if the log
 * no longer holds what follows the id. */
static int print_after(const struct invocation *in, struct ask *ask, struct msgid after,
                       bool must_be_complete)
{
    const struct values *values = in->values;
    uint64_t left = values->limit ? values->limit : UINT64_MAX;
    bool has_more = true, is_empty = true;

    while (has_more && left > 0) {
        json_auto_t *answer = NULL;
        int status = ask_call(ask, "eventlog", page_params(in, after, left), &answer);
        const json_t *items;
        size_t n;

        if (status != CTL_OK)
            return status;
        if (must_be_complete && json_is_false(json_object_get(answer, "recovered")))
            term_warn(in->term, "messages after %" PRIu64 "-%" PRIu64 " are no longer in the log",
                      after.ms, after.seq);
        items = json_object_get(answer, "items");
        print_items(in, items);
        has_more = pass(items, &after) && json_is_true(json_object_get(answer, "more"));
        n = json_array_size(items);
        is_empty = is_empty && n == 0;
        left -= n < left ? n : left;
        must_be_complete = true;
    }
    if (is_empty)
        note_none(in);
    return CTL_OK;
}

/* Returns the last id before a point in time: eventlog with `since` returns only the newest
 * messages, with an id all of them. "10m ago" is meant by the server's clock. */
static int id_before(struct ask *ask, int64_t since, struct msgid *ret)
{
    json_auto_t *answer = NULL;
    int64_t now = 0;
    int status;

    if (since < 0) {
        status = ask_call(ask, "ping", NULL, &answer);
        if (status != CTL_OK)
            return status;
        (void)json_whole_number(json_object_get(answer, "pong"), &now); /* else it stays 0 */
        since = now + since > 0 ? now + since : FROM_THE_FIRST;
    }
    *ret = msgid_before((struct msgid){ .ms = (uint64_t)since });
    return CTL_OK;
}

static int print_log(const struct invocation *in, struct ask *ask, const struct start *start)
{
    const struct values *values = in->values;
    struct msgid after = start->after;
    int status = CTL_OK;

    if (values->limit && !start->has_id)
        return print_newest(in, ask, start->since);
    if (start->since)
        status = id_before(ask, start->since, &after);
    return status == CTL_OK ? print_after(in, ask, after, start->has_id) : status;
}

static int run(const struct invocation *in)
{
    const struct values *values = in->values;
    struct start start;
    const char *wrong = start_read(&values->start, &start);
    struct ask *ask;
    int status = argument_filter(in->term, in->words[0]);

    if (status == CTL_OK)
        status = print_check(in, &values->print);
    if (status == CTL_OK && wrong) {
        term_error(in->term, "%s", wrong);
        status = CTL_USAGE;
    }
    if (status == CTL_OK)
        status = ask_open(in, &ask);
    if (status != CTL_OK)
        return status;
    status = print_log(in, ask, &start);
    ask_close(ask);
    return status;
}

#define MEMBER(name) .offset = offsetof(struct values, name)

static const struct option options[] = {
    START_OPTIONS(struct values, start),
    { "limit", 'n', OPTION_NUMBER, MEMBER(limit), .value = "N", .min = 1, .max = UINT32_MAX,
      .about =
          "only the newest messages, this many (at most the server's MAX_CACHE_REQUEST_LIMIT); "
          "with --since-id only the oldest, any number" },
    PRINT_OPTIONS(struct values, print, "%T %t %m"),
    { 0 },
};

static const struct example examples[] = {
    { "eventhubctl log --since -1h 'news/#'", "prints the messages of the last hour" },
    { "eventhubctl log --limit 10 chat/7", "prints the last ten messages" },
    { "eventhubctl log --format '%i %m' chat/7", "prints ids and messages" },
    { 0 },
};

const struct command cmd_log = {
    .name = "log",
    .summary = "print messages of the event log",
    .arguments = "TOPIC",
    .min_words = 1,
    .max_words = 1,
    .about = "Prints the messages of a topic or pattern that the log holds, oldest first.",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .options = options,
    .size = sizeof(struct values),
    .examples = examples,
    .run = run,
};
