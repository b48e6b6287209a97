#include "app/config/config_secrets.h"

#include <string.h>

#include "app/config/config_hint.h"
#include "app/config/config_redis.h"
#include "app/config/config_table.h"
#include "app/config/config_value.h"
#include "base/file.h"

/* Sets the secret to the content of the file at `path`, which is the value of the option o. */
static int read_file(struct config *c, const struct config_option *o, const char *path,
                     struct buf *why)
{
    const struct config_option *secret = config_find(str_of(o->value_of));
    struct buf text = { 0 };
    const char *wrong;
    struct str value;
    int rc = EH_OK;

    if (strcmp(*config_text(c, secret), secret->initial) != 0) {
        buf_addf(why, "%s conflicts with %s: set one of them", o->name, secret->name);
        return EH_EINVAL;
    }
    wrong = file_read_secret(path, &text, &value);
    if (wrong) {
        buf_addf(why, "%s: %s: %s", o->name, path, wrong);
        rc = EH_EINVAL;
    } else if (config_set(c, secret, value) < 0) {
        buf_addf(why, "%s: %s: %s ", o->name, path, secret->name);
        config_add_rule(why, secret);
        (void)config_add_hint(why, secret, value); /* without the value */
        rc = EH_EINVAL;
    }
    buf_done(&text);
    return rc;
}

int config_read_secrets(struct config *c, struct buf *why)
{
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_options[i];
        const char *path = o->value_of ? *config_text(c, o) : "";

        if (path[0])
            EH_TRY(read_file(c, o, path, why));
    }
    return c->redis_url_file[0] ? config_settle_redis(c, why) : EH_OK;
}
