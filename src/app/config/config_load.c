#include "app/config/config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "app/config/config_file.h"
#include "app/config/config_table.h"
#include "app/config/file.h"
#include "base/buf.h"
#include "hub/keyring.h"

#define NAME_MAX_BYTES    64 /* more than the longest name */
#define EXCERPT_MAX_BYTES 60 /* of a value that is refused */

static const struct {
    const char *argument;
    enum config_action action;
} actions[] = {
    { "help", CONFIG_HELP },         { "help=markdown", CONFIG_MARKDOWN },
    { "help=man", CONFIG_MAN },      { "help=conf", CONFIG_FILE },
    { "version", CONFIG_VERSION },   { "check-config", CONFIG_CHECK },
    { "health-check", CONFIG_LIVE }, { "health-check=ready", CONFIG_READY },
};

/* ---- what goes wrong, in one line ---- */

static void add_excerpt(struct buf *why, struct str text)
{
    buf_add_char(why, '\'');
    for (size_t i = 0; i < text.n && i < EXCERPT_MAX_BYTES; i++)
        buf_add_char(why, (char)(text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?'));
    buf_addf(why, text.n > EXCERPT_MAX_BYTES ? "...'" : "'");
}

static int refuse(struct buf *why, const struct config_option *o, struct str text,
                  const char *wrong)
{
    buf_addf(why, "%s: ", o->name);
    if (o->secret)
        buf_addf(why, "the value");
    else
        add_excerpt(why, text);
    buf_addf(why, " %s; allowed: ", wrong);
    config_add_allowed(why, o);
    return EH_EINVAL;
}

static int apply(struct config *c, const struct config_option *o, struct str text, struct buf *why)
{
    const char *wrong = config_set(c, o, text);

    return wrong ? refuse(why, o, text, wrong) : EH_OK;
}

/* ---- the sources, weakest first ---- */

static void set_defaults(struct config *c)
{
    for (size_t i = 0; i < config_option_count; i++) {
        const char *wrong = config_set(c, &config_options[i], str_of(config_options[i].initial));

        assert(!wrong);
        (void)wrong;
    }
}

static struct str environment_find(char **environment, struct str name)
{
    for (; *environment; environment++) {
        struct str entry = str_of(*environment);

        if (str_starts_with(entry, name) && (*environment)[name.n] == '=')
            return str_skip(entry, name.n + 1);
    }
    return (struct str){ NULL, 0 };
}

/* NAME, or else name. Empty is as good as none. */
static struct str environment_value(char **environment, const char *name)
{
    struct str value = environment_find(environment, str_of(name));
    char lower[NAME_MAX_BYTES];
    size_t n = strlen(name);

    if (value.n)
        return value;
    assert(n < sizeof(lower));
    for (size_t i = 0; i < n; i++)
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + ('a' - 'A') : name[i]);
    return environment_find(environment, str_make(lower, n));
}

static int read_environment(struct config *c, char **environment, struct buf *why)
{
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_options[i];
        struct str value = environment_value(environment, o->name);

        if (!value.n && o->alias)
            value = environment_value(environment, o->alias);
        if (value.n)
            EH_TRY(apply(c, o, value, why));
    }
    return EH_OK;
}

/* Case does not matter, nor whether - or _ stands between the words. */
static bool is_name(struct str given, const char *name)
{
    char spelled[NAME_MAX_BYTES];

    if (given.n != strlen(name) || given.n >= sizeof(spelled))
        return false;
    for (size_t i = 0; i < given.n; i++)
        spelled[i] = (char)(given.p[i] == '-' && name[i] == '_' ? '_' : given.p[i]);
    return str_eq_nocase(str_make(spelled, given.n), str_of(name));
}

const struct config_option *config_find(struct str name)
{
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_options[i];

        if (is_name(name, o->name) || (o->alias && is_name(name, o->alias)))
            return o;
    }
    return NULL;
}

static bool find_action(const char *argument, enum config_action *ret)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strncmp(argument, "--", 2) == 0 &&
            str_eq_nocase(str_of(argument + 2), str_of(actions[i].argument))) {
            *ret = actions[i].action;
            return true;
        }
    }
    return false;
}

/* o NULL: what is given is the name of no option. */
static int set_option(struct config *c, const struct config_option *o, struct str given,
                      struct str value, struct buf *why)
{
    if (!o) {
        add_excerpt(why, given);
        buf_addf(why, " is no option; allowed: what --help lists");
        return EH_EINVAL;
    }
    return value.n ? apply(c, o, value, why) : EH_OK;
}

/* Each fault is said with the file and the line in front. */
static int read_settings(struct config *c, const char *path, struct str text, struct buf *why)
{
    struct config_file f = { .rest = text };
    struct config_setting setting;
    const char *wrong = NULL;
    struct buf fault = { 0 };
    int rc = EH_OK;

    while (rc == EH_OK && config_file_next(&f, &setting, &wrong))
        rc = set_option(c, config_find(setting.name), setting.name, setting.value, &fault);
    if (wrong)
        buf_addf(&fault, "the line %s; allowed: name = value", wrong);
    if (buf_used(&fault))
        buf_addf(why, "%s:%zu: %.*s", path, f.line, STR_ARG(buf_str(&fault)));
    buf_done(&fault);
    return wrong ? EH_EINVAL : rc;
}

static const char *config_path(int argc, char **argv)
{
    static const char option[] = "--config=";
    const char *path = "";

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], option, strlen(option)) == 0)
            path = argv[i] + strlen(option);
    }
    return path;
}

static int read_file(struct config *c, const char *path, struct buf *why)
{
    struct buf text = { 0 };
    int rc;

    if (path[0] == '\0')
        return EH_OK;
    rc = file_read(path, CONFIG_FILE_MAX, &text);
    if (rc < 0)
        buf_addf(why, "--config: %s: %s; allowed: a readable file of at most %dk", path,
                 rc == EH_ELIMIT ? "is too large" : strerror(errno), CONFIG_FILE_MAX / 1024);
    else
        rc = read_settings(c, path, buf_str(&text), why);
    buf_done(&text);
    return rc;
}

/* An argument that is not understood is named without its value, which may be a secret. */
static int read_argument(struct config *c, int place, const char *argument, struct buf *why)
{
    struct str value = str_of(argument), name;
    const struct config_option *o;

    if (!str_starts_with(value, STR("--"))) {
        buf_addf(why, "argument %d: is not an option; allowed: --name=value (see --help)", place);
        return EH_EINVAL;
    }
    (void)str_cut(&value, '=', &name);
    if (str_eq(name, STR("--config")) && value.p)
        return EH_OK; /* read before */
    o = config_find(str_skip(name, 2));
    if (o && !value.p) {
        buf_addf(why, "%s: has no value; allowed: %.*s=value", o->name, STR_ARG(name));
        return EH_EINVAL;
    }
    return set_option(c, o, name, value, why);
}

static int read_arguments(struct config *c, int argc, char **argv, struct buf *why)
{
    enum config_action ignored;

    for (int i = 1; i < argc; i++) {
        if (!find_action(argv[i], &ignored))
            EH_TRY(read_argument(c, i, argv[i], why));
    }
    return EH_OK;
}

/* ---- what no single row can say ---- */

static int check_redis_host(const struct config *c, struct buf *why)
{
    static const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

    assert(c->redis_host); /* set_defaults has set all texts */
    if (c->redis_host[0] != '/' || strlen(c->redis_host) <= max)
        return EH_OK;
    buf_addf(why, "REDIS_HOST: the path of a socket is too long; allowed: at most %zu bytes", max);
    return EH_EINVAL;
}

static int check_redis_tls(const struct config *c, struct buf *why)
{
    if (!c->redis_tls)
        return EH_OK;
    if (c->redis_host[0] == '/')
        buf_addf(why, "REDIS_TLS: not over a Unix socket; allowed: with a name or an address");
    else if (!c->redis_tls_cert[0] != !c->redis_tls_key[0])
        buf_addf(why, "REDIS_TLS_CERT, REDIS_TLS_KEY: one without the other; allowed: both, none");
    return buf_used(why) ? EH_EINVAL : EH_OK;
}

/* Weakest first. */
static int read_all(struct config *c, int argc, char **argv, char **environment, struct buf *why)
{
    EH_TRY(read_file(c, config_path(argc, argv), why));
    EH_TRY(read_environment(c, environment, why));
    EH_TRY(read_arguments(c, argc, argv, why));
    EH_TRY(check_redis_host(c, why));
    return check_redis_tls(c, why);
}

/* The first that is asked for. */
static enum config_action read_action(int argc, char **argv)
{
    enum config_action action = CONFIG_RUN;

    for (int i = 1; i < argc; i++) {
        if (find_action(argv[i], &action))
            break;
    }
    return action;
}

/* For the others wrong options are no hindrance. */
static bool wants_options(enum config_action action)
{
    return action == CONFIG_RUN || action == CONFIG_CHECK || action == CONFIG_LIVE ||
           action == CONFIG_READY;
}

int config_load(struct config *ret, int argc, char **argv, char **environment,
                enum config_action *ret_action, struct str *ret_why)
{
    enum config_action action = read_action(argc, argv);
    struct config c = { .source = { argc, argv, environment } };
    struct buf why = { 0 };
    int rc = EH_OK;

    set_defaults(&c);
    if (wants_options(action))
        rc = read_all(&c, argc, argv, environment, &why);
    if (rc < 0) {
        config_done(&c);
        *ret_why = buf_str(&why);
        return rc;
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
    *c = (struct config){ 0 };
}

bool config_has_default_secret(const struct config *c)
{
    const struct config_option *secret;

    if (c->jwt_keys_file[0] || key_algorithm_is_public((enum key_algorithm)c->jwt_algorithm))
        return false;
    secret = config_find(STR("JWT_SECRET"));
    assert(secret);
    return str_eq(str_of(c->jwt_secret), str_of(secret->initial));
}
