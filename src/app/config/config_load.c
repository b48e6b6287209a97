#include "app/config/config_load.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/config/config_conflicts.h"
#include "app/config/config_file.h"
#include "app/config/config_hint.h"
#include "app/config/config_redis.h"
#include "app/config/config_table.h"
#include "app/config/config_value.h"
#include "base/array.h"
#include "base/environment.h"
#include "base/file.h"

#define NAME_MAX_BYTES    64 /* more than the longest name needs */
#define EXCERPT_MAX_BYTES 60 /* shown of a refused text */

static const struct {
    const char *argument;
    enum config_action action;
} actions[] = {
    { "--help", CONFIG_HELP },
    { "--help=markdown", CONFIG_MARKDOWN },
    { "--help=man", CONFIG_MAN },
    { "--help=conf", CONFIG_FILE },
    { "--help=metrics", CONFIG_METRICS },
    { "--version", CONFIG_VERSION },
    { "--check-config", CONFIG_CHECK },
    { "--check-broker", CONFIG_CHECK_BROKER },
    { "--health-check", CONFIG_LIVE },
    { "--health-check=ready", CONFIG_READY },
};

/* Adds the user's own text: quoted, with unprintable bytes replaced, and truncated if it is
 * long. */
static void add_excerpt(struct buf *why, struct str text)
{
    buf_add_char(why, '"');
    for (size_t i = 0; i < text.n && i < EXCERPT_MAX_BYTES; i++)
        buf_add_char(why, (char)(text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?'));
    buf_addf(why, text.n > EXCERPT_MAX_BYTES ? "...\"" : "\"");
}

/* Adds the refused value, or only the wrong entry of a list. */
static void add_value(struct buf *why, const struct config_option *o, struct str value)
{
    bool is_list = o->kind == CONFIG_HOSTS || o->kind == CONFIG_SERVERS;

    buf_addf(why, ", not ");
    add_excerpt(why, is_list ? endpoint_list_wrong(value) : value);
}

static bool is_ignored(const struct config *c, const struct config_option *o)
{
    const char *only = c->source.only;

    return only && !(o && str_starts_with(str_of(o->name), str_of(only)));
}

/* Sets the option o, which was called `given`; o NULL: there is no such option. An empty value
 * changes nothing. */
static int set_option(struct config *c, const struct config_option *o, struct str given,
                      struct str value, struct buf *why)
{
    if (is_ignored(c, o))
        return EH_OK;
    if (!o) {
        buf_addf(why, "unknown option ");
        add_excerpt(why, given);
        buf_addf(why, " (see --help)");
        return EH_EINVAL;
    }
    if (value.n == 0)
        return EH_OK;
    if (config_set(c, o, value) == EH_OK) {
        c->is_given[o - config_options] = true;
        return EH_OK;
    }
    buf_addf(why, "%s ", o->name);
    config_add_rule(why, o);
    if (!config_add_hint(why, o, value) && !o->secret)
        add_value(why, o, value);
    return EH_EINVAL;
}

static void set_defaults(struct config *c)
{
    for (size_t i = 0; i < config_option_count; i++) {
        int rc = config_set(c, &config_options[i], str_of(config_options[i].initial));

        assert(rc == EH_OK);
        (void)rc;
    }
}

/* ---- the file ---- */

static int read_settings(struct config *c, const char *path, struct str text, struct buf *why)
{
    struct config_file f = { .rest = text };
    struct config_setting setting;
    const char *wrong = NULL;
    struct buf fault = { 0 };
    int rc = EH_OK;

    while (rc == EH_OK && config_file_next(&f, &setting, &wrong))
        rc = set_option(c, config_find(setting.name), setting.name, setting.value, &fault);
    if (wrong) {
        buf_addf(&fault, "the line %s", wrong);
        rc = EH_EINVAL;
    }
    if (rc < 0)
        buf_addf(why, "%s:%zu: %.*s", path, f.line, STR_ARG(buf_str(&fault)));
    buf_done(&fault);
    return rc;
}

/* Reads the file of the last --config=FILE, if there is one. */
static int read_file(struct config *c, struct buf *why)
{
    struct str path = { NULL, 0 };
    struct buf text = { 0 };
    int rc;

    for (int i = 1; i < c->source.argc; i++) {
        struct str argument = str_of(c->source.argv[i]);

        if (str_starts_with(argument, STR("--config=")))
            path = str_skip(argument, STR("--config=").n);
    }
    if (path.n == 0)
        return EH_OK;
    rc = file_read(path.p, CONFIG_FILE_MAX, &text); /* path.p ends with the argument's NUL */
    if (rc == EH_ELIMIT)
        buf_addf(why, "--config: %s: the file is larger than %dk", path.p, CONFIG_FILE_MAX / 1024);
    else if (rc < 0)
        buf_addf(why, "--config: %s: %s", path.p, strerror(errno));
    else
        rc = read_settings(c, path.p, buf_str(&text), why);
    buf_done(&text);
    return rc;
}

/* ---- the environment ---- */

/* Returns the value of NAME or, if that is not set or empty, of name; NULL: neither is set. */
static const char *environment_value(char *const *environment, const char *name)
{
    const char *value = environment_find(environment, name);
    char lower[NAME_MAX_BYTES];
    size_t n = strlen(name);

    if (value)
        return value;
    assert(n < sizeof(lower));
    for (size_t i = 0; i <= n; i++) /* also its NUL */
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + ('a' - 'A') : name[i]);
    return environment_find(environment, lower);
}

static int read_environment(struct config *c, struct buf *why)
{
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_options[i];
        const char *value = environment_value(c->source.environment, o->name);

        if (!value && o->alias)
            value = environment_value(c->source.environment, o->alias);
        if (value)
            EH_TRY(set_option(c, o, str_of(o->name), str_of(value), why));
    }
    return EH_OK;
}

/* ---- the command line ---- */

static bool find_action(const char *argument, enum config_action *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (str_eq_nocase(str_of(argument), str_of(actions[i].argument))) {
            *ret = actions[i].action;
            return true;
        }
    }
    return false;
}

static int read_arguments(struct config *c, struct buf *why)
{
    enum config_action ignored;

    for (int i = 1; i < c->source.argc; i++) {
        struct str value = str_of(c->source.argv[i]), name;
        const struct config_option *o;

        if (find_action(c->source.argv[i], &ignored))
            continue;
        if (!str_starts_with(value, STR("--"))) { /* not repeated: it may be a secret */
            buf_addf(why, "argument %d must be --name=value (see --help)", i);
            return EH_EINVAL;
        }
        (void)str_cut(&value, '=', &name);
        if (str_eq(name, STR("--config")) && value.p)
            continue; /* read_file has read it */
        o = config_find(str_skip(name, 2));
        if (o && !value.p) {
            buf_addf(why, "%s needs a value: %.*s=value", o->name, STR_ARG(name));
            return EH_EINVAL;
        }
        EH_TRY(set_option(c, o, name, value, why));
    }
    return EH_OK;
}

/* Reads the sources, weakest first. The options about Redis are settled if they were read. */
static int read_all(struct config *c, struct buf *why)
{
    EH_TRY(read_file(c, why));
    EH_TRY(read_environment(c, why));
    EH_TRY(read_arguments(c, why));
    if (c->source.only)
        return EH_OK;
    EH_TRY(config_find_conflict(c, why));
    return config_settle_redis(c, why);
}

int config_load(const struct config_source *source, struct config *ret,
                enum config_action *ret_action, struct buf *why)
{
    enum config_action action = CONFIG_RUN;
    struct config c = { .source = *source };
    bool wants_options;

    for (int i = 1; i < source->argc && !find_action(source->argv[i], &action); i++)
        ; /* the first action counts */
    wants_options = action == CONFIG_RUN || action == CONFIG_CHECK ||
                    action == CONFIG_CHECK_BROKER || action == CONFIG_LIVE ||
                    action == CONFIG_READY;
    set_defaults(&c);
    if (wants_options && read_all(&c, why) < 0) {
        config_done(&c);
        return EH_EINVAL;
    }
    *ret = c;
    *ret_action = action;
    return EH_OK;
}

void config_done(struct config *c)
{
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_options[i];

        if (config_is_text(o))
            free(*config_text(c, o));
    }
    cidr_list_done(&c->trusted_proxies);
    endpoint_list_done(&c->redis_hosts);
    endpoint_list_done(&c->redis_sentinel_hosts);
    *c = (struct config){ 0 };
}
