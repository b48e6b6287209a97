#include "ctl/cmd_purge.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "ctl/line/arguments.h"
#include "ctl/line/command.h"
#include "ctl/line/option.h"
#include "ctl/link/control.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "hub/topic.h"

struct purge_options {
    bool yes;
};

static int confirm(const struct invocation *in, const char *topic)
{
    const struct purge_options *o = in->values;

    if (o->yes)
        return CTL_OK;
    if (!term_can_ask(in->term)) {
        term_error(in->term, "there is no terminal to ask for confirmation: give --yes");
        return CTL_USAGE;
    }
    if (term_ask(in->term, "delete all messages of \"%s\" from the log?", topic))
        return CTL_OK;
    term_note(in->term, "nothing was deleted");
    return CTL_NEGATIVE;
}

static int run(const struct invocation *in)
{
    const char *topic = in->words[0];
    char path[TOPIC_MAX + 32];
    json_auto_t *result = NULL;
    int status = argument_topic(in->term, topic);

    if (status == CTL_OK)
        status = confirm(in, topic);
    if (status != CTL_OK)
        return status;
    (void)snprintf(path, sizeof(path), "/api/log/%s", topic); /* a topic needs no encoding */
    status = control_delete(in, path, &result);
    if (status != CTL_OK)
        return status;
    if (in->common->json)
        term_result_json(in->term, result);
    else
        term_printf(in->term, "%" JSON_INTEGER_FORMAT "\n",
                    json_integer_value(json_object_get(result, "removed")));
    return CTL_OK;
}

static const struct option options[] = {
    { "yes", 'y', OPTION_FLAG, offsetof(struct purge_options, yes),
      .about = "do not ask for confirmation" },
    { 0 },
};

static const struct example examples[] = {
    { "eventhubctl purge orders/17", "deletes the messages of orders/17 that the log has" },
    { 0 },
};

const struct command cmd_purge = {
    .name = "purge",
    .summary = "delete the messages of a topic from the log",
    .arguments = "TOPIC",
    .min_words = 1,
    .max_words = 1,
    .about = "Prints how many messages were removed. It asks first. Without a terminal to ask,\n"
             "it does nothing unless --yes is given. The server needs ENABLE_API, and your\n"
             "token needs \"log\" in its claim admin. If the server has METRICS_LISTEN_PORT, the\n"
             "URL must name that port.",
    .takes = TAKES_SERVER | TAKES_JSON | TAKES_QUIET,
    .options = options,
    .size = sizeof(struct purge_options),
    .examples = examples,
    .run = run,
};
