/* Secrets that stand in files: NAME_FILE gives the value of NAME. */
#include "app/config/config.h"

#include "app/config/config_table.h"
#include "app/config/file.h"

static int refuse(struct buf *why, const struct config_option *o, const char *path,
                  const char *what)
{
    buf_addf(why, "%s: %s: %s", o->name, path, what);
    return EH_EINVAL;
}

/* One newline at the end is the editor's. */
static struct str without_newline(struct str text)
{
    if (text.n && text.p[text.n - 1] == '\n')
        text.n--;
    return text;
}

static const char *set_from_file(struct config *c, const struct config_option *o, const char *path)
{
    struct buf text = { 0 };
    const char *what = file_read_key(path, &text);

    if (!what && without_newline(buf_str(&text)).n == 0)
        what = "is empty";
    if (!what)
        what = config_set(c, o, without_newline(buf_str(&text)));
    buf_done(&text);
    return what;
}

static int read_file(struct config *c, const struct config_option *o, struct buf *why)
{
    const struct config_option *secret = config_find(str_of(o->value_of));
    const char *path = *config_text(c, o);
    const char *what;

    if (!path[0])
        return EH_OK;
    if (strcmp(*config_text(c, secret), secret->initial) != 0) {
        buf_addf(why, "%s: stands beside %s; allowed: one of them", o->name, secret->name);
        return EH_EINVAL;
    }
    what = set_from_file(c, secret, path);
    return what ? refuse(why, o, path, what) : EH_OK;
}

int config_read_secrets(struct config *c, struct str *ret_why)
{
    struct buf why = { 0 };

    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_options[i];

        if (o->value_of && read_file(c, o, &why) < 0) {
            *ret_why = buf_str(&why);
            return EH_EINVAL;
        }
    }
    return EH_OK;
}
