#include "app/config/config_reload.h"

#include <string.h>

#include "app/config/config_load.h"
#include "app/config/config_secrets.h"
#include "app/config/config_table.h"
#include "app/config/config_value.h"
#include "base/log.h"

static bool is_equal(struct config *a, struct config *b, const struct config_option *o)
{
    const void *in_a = (const char *)a + o->offset;
    const void *in_b = (const char *)b + o->offset;

    if (o->kind == CONFIG_NETWORKS)
        return cidr_list_is_equal(in_a, in_b);
    if (config_is_text(o))
        return strcmp(*config_text(a, o), *config_text(b, o)) == 0;
    return memcmp(in_a, in_b, o->kind == CONFIG_BOOL ? sizeof(bool) : sizeof(uint64_t)) == 0;
}

/* Reports whether the value of the option comes from a file that is read again anyway. */
static bool is_live(struct config *c, const struct config_option *o)
{
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *file = &config_options[i];

        if (file->is_live && strcmp(file->value_of, o->name) == 0 && (*config_text(c, file))[0])
            return true;
    }
    return false;
}

void config_reload(const struct config *running)
{
    struct config before = *running; /* config_text wants a pointer that is not const */
    struct config now = { 0 };
    enum config_action action;
    struct buf why = { 0 };

    if (config_load(&running->source, &now, &action, &why) < 0 ||
        config_read_secrets(&now, &why) < 0) {
        log_error("options_refused", LOG_S("why", buf_str(&why)));
        buf_done(&why);
        config_done(&now);
        return;
    }
    log_set_level((enum log_level)now.log_level);
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_options[i];

        if (o->kind != CONFIG_LOG_LEVEL && !is_equal(&before, &now, o) && !is_live(&now, o))
            log_warn("restart_needed", LOG_Z("option", o->name));
    }
    config_done(&now);
}
