/* SIGHUP: what has changed in the options since the start. */
#include "app/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "app/config/config_table.h"

static bool is_same(struct config *a, struct config *b, const struct config_option *o)
{
    const void *in_a = (const char *)a + o->offset;
    const void *in_b = (const char *)b + o->offset;

    if (o->kind == CONFIG_NETWORKS)
        return cidr_list_is_equal(in_a, in_b);
    if (config_is_text(o))
        return strcmp(*config_text(a, o), *config_text(b, o)) == 0;
    return memcmp(in_a, in_b, o->kind == CONFIG_BOOL ? sizeof(bool) : sizeof(uint64_t)) == 0;
}

static void log_differences(struct config *running, struct config *now)
{
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_options[i];

        if (o->kind != CONFIG_LOG_LEVEL && !is_same(running, now, o))
            log_warn("restart_needed", LOG_Z("option", o->name));
    }
}

static int read_again(const struct config *running, struct config *ret, struct str *ret_why)
{
    const struct config_source *from = &running->source;
    enum config_action action;

    EH_TRY(config_load(ret, from->argc, from->argv, from->environment, &action, ret_why));
    if (config_read_secrets(ret, ret_why) == EH_OK)
        return EH_OK;
    config_done(ret);
    return EH_EINVAL;
}

void config_reload(const struct config *running)
{
    struct config before = *running; /* its texts are only looked at */
    struct config now;
    struct str why;

    if (read_again(running, &now, &why) < 0) {
        log_error("options_refused", LOG_S("why", why));
        free((char *)(uintptr_t)why.p);
        return;
    }
    log_set_level((enum log_level)now.log_level);
    log_differences(&before, &now);
    config_done(&now);
}
