#include "ctl/pubsub/start.h"

#include "ctl/pubsub/since.h"
#include "hub/msgid.h"

const char *start_read(const struct start_options *options, struct start *ret)
{
    struct start start = { .has_id = options->all || options->since_id, .latest = options->latest };

    if ((options->since != NULL) + (options->since_id != NULL) + options->all + options->latest > 1)
        return "--since, --since-id, --all and --latest exclude each other: give one of them";
    if (options->since_id && msgid_parse(str_of(options->since_id), &start.after) < 0)
        return "--since-id must be an id such as 1574843571767-0";
    if (options->since && !since_parse(str_of(options->since), &start.since))
        return "--since " SINCE_RULE;
    *ret = start;
    return NULL;
}
