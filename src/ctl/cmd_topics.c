#include "ctl/cmd_topics.h"

#include <jansson.h>

#include "ctl/line/arguments.h"
#include "ctl/line/command.h"
#include "ctl/line/option.h"
#include "ctl/link/control_pages.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"

struct topics_options {
    uint64_t limit;
};

static void print_topic(struct term *t, const json_t *topic)
{
    struct buf out = { 0 };

    control_add_text(t, &out, topic, "topic");
    control_add_text(t, &out, topic, "last_id");
    buf_addf(&out, "length=%lld  subscribers=%lld\n", control_number(topic, "length"),
             control_number(topic, "subscribers"));
    term_write(t, buf_str(&out));
    buf_done(&out);
}

static const char *after(const json_t *page)
{
    return json_string_value(json_object_get(page, "after"));
}

static int run(const struct invocation *in)
{
    static const struct control_pages pages = { "/api/topics", "topics", print_topic, after };
    const struct topics_options *o = in->values;
    const char *pattern = in->n_words ? in->words[0] : NULL;
    struct buf query = { 0 };
    int status = pattern ? argument_filter(in->term, pattern) : CTL_OK;

    if (status != CTL_OK)
        return status;
    control_add_param(&query, "match", pattern);
    status = control_pages(in, &pages, buf_str(&query), o->limit);
    buf_done(&query);
    return status;
}

static const struct option options[] = {
    { "limit", 'n', OPTION_NUMBER, offsetof(struct topics_options, limit), .value = "N",
      .initial = "1000", .min = 1, .max = 1000000, .about = "list at most this many topics" },
    { 0 },
};

static const struct example examples[] = {
    { "eventhubctl topics 'orders/#'", "lists the topics of the event log below orders" },
    { 0 },
};

const struct command cmd_topics = {
    .name = "topics",
    .summary = "list the topics of the event log",
    .arguments = "[PATTERN]",
    .max_words = 1,
    .about = "Prints each topic with the id of its newest message, the length of its log, and\n"
             "how many clients of all nodes are subscribed to it. The server needs ENABLE_API,\n"
             "and your token needs \"log\" in its claim admin. If the server has\n"
             "METRICS_LISTEN_PORT, the URL must name that port.",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .options = options,
    .size = sizeof(struct topics_options),
    .examples = examples,
    .run = run,
};
