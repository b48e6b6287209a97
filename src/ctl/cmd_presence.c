#include "ctl/cmd_presence.h"

#include <jansson.h>

#include "ctl/line/arguments.h"
#include "ctl/link/ask.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "proto/json.h"

/* Prints the number, and below it the names that the token may see. */
static void print_text(struct term *t, const json_t *result)
{
    const json_t *subs = json_object_get(result, "subs"), *name;
    struct buf out = { 0 };
    size_t i;

    buf_addf(&out, "%lld\n", (long long)json_integer_value(json_object_get(result, "count")));
    json_array_foreach(subs, i, name)
    {
        term_add_data(t, &out, json_text(name));
        buf_add_char(&out, '\n');
    }
    term_write(t, buf_str(&out));
    buf_done(&out);
}

static void print(const struct invocation *in, const json_t *result)
{
    if (in->common->json)
        term_result_json(in->term, result);
    else
        print_text(in->term, result);
    if (json_is_true(json_object_get(result, "more")))
        term_note(in->term, "the server does not list all names");
    if (json_is_false(json_object_get(result, "complete")))
        term_warn(in->term, "a node has not answered: the count may be too low");
}

static int run(const struct invocation *in)
{
    json_auto_t *result = NULL;
    int status = argument_filter(in->term, in->words[0]);

    if (status == CTL_OK)
        status = ask_once(in, "presence", json_pack("{s:s}", "topic", in->words[0]), &result);
    if (status == CTL_OK)
        print(in, result);
    return status;
}

static const struct example examples[] = {
    { "eventhubctl presence chat/7", "prints how many clients receive messages of chat/7" },
    { 0 },
};

const struct command cmd_presence = {
    .name = "presence",
    .summary = "show how many clients subscribe to a topic, and who they are",
    .arguments = "TOPIC",
    .min_words = 1,
    .max_words = 1,
    .about = "Prints the number of connected clients that would receive a message published\n"
             "to the topic now. Their names (the sub of their tokens) follow, one on a line,\n"
             "if the token may see them. For a pattern, it counts the clients that subscribe\n"
             "to exactly this pattern.",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .examples = examples,
    .run = run,
};
