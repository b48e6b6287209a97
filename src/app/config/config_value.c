#include "app/config/config_value.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "app/config/config_hint.h"
#include "app/config/endpoints.h"
#include "app/config/jwks_url.h"
#include "app/config/redis_url.h"
#include "base/array.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/http.h"
#include "proto/origin.h"

/* Compares names, ignoring case, and takes - for _. */
static bool is_name(struct str given, const char *name)
{
    if (given.n != strlen(name))
        return false;
    for (size_t i = 0; i < given.n; i++) {
        char c = given.p[i];

        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (c != name[i] && !(c == '-' && name[i] == '_'))
            return false;
    }
    return true;
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

bool config_is_given(const struct config *c, const char *name)
{
    const struct config_option *o = config_find(str_of(name));

    assert(o);
    return c->is_given[o - config_options];
}

static int parse_number(const struct config_option *o, struct str text, uint64_t *ret)
{
    uint64_t v;

    EH_TRY(str_parse_u64(text, &v));
    if (v < o->min || v > o->max)
        return EH_EINVAL;
    *ret = v;
    return EH_OK;
}

static int parse_size(const struct config_option *o, struct str text, uint64_t *ret)
{
    uint64_t v;

    EH_TRY(str_parse_size(text, &v));
    if (v < o->min || v > o->max)
        return EH_EINVAL;
    *ret = v;
    return EH_OK;
}

static int parse_mode(const struct config_option *o, struct str text, uint64_t *ret)
{
    uint64_t mode = 0;

    if (text.n < 3 || text.n > 4)
        return EH_EINVAL;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '7')
            return EH_EINVAL;
        mode = mode * 8 + (uint64_t)(text.p[i] - '0');
    }
    if (mode > o->max)
        return EH_EINVAL;
    *ret = mode;
    return EH_OK;
}

static int parse_bool(struct str text, bool *ret)
{
    static const char *const words[][2] = {
        { "false", "true" }, { "0", "1" }, { "no", "yes" }, { "off", "on" }
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        for (int v = 0; v < 2; v++) {
            if (str_eq_nocase(text, str_of(words[i][v]))) {
                *ret = v;
                return EH_OK;
            }
        }
    }
    return EH_EINVAL;
}

/* Finds the position of the text among the words of `choices`, which reads "a, b or c". */
static int parse_choice(const struct config_option *o, struct str text, uint64_t *ret)
{
    struct str rest = str_of(o->choices), word;
    uint64_t position = 0;

    while (str_cut(&rest, ' ', &word)) {
        if (str_eq(word, STR("or")))
            continue;
        if (word.p[word.n - 1] == ',')
            word.n--;
        if (str_eq_nocase(word, text)) {
            *ret = position;
            return EH_OK;
        }
        position++;
    }
    return EH_EINVAL;
}

static int parse_log_level(struct str text, uint64_t *ret)
{
    enum log_level level;

    EH_TRY(log_level_parse(text, &level));
    *ret = level;
    return EH_OK;
}

static bool has_control(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7F)
            return true;
    }
    return false;
}

static bool is_metric_name(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';

        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return true;
}

static int parse_networks(const struct config_option *o, struct str text, struct cidr_list *ret)
{
    struct cidr_list list;

    if (text.n > o->max || has_control(text))
        return EH_EINVAL;
    EH_TRY(cidr_list_parse(text, &list));
    cidr_list_done(ret);
    *ret = list;
    return EH_OK;
}

static bool is_endpoint_list(struct str text)
{
    struct endpoint_list list = { 0 };
    int rc = endpoint_list_parse(text, 1, &list);

    endpoint_list_done(&list);
    return rc == EH_OK;
}

static bool is_redis_url(struct str text)
{
    struct redis_url url = { 0 };
    const char *wrong = redis_url_parse(text, &url);

    redis_url_done(&url);
    return !wrong;
}

static bool is_valid_text(const struct config_option *o, struct str text)
{
    if (text.n > o->max || (!o->secret && has_control(text)))
        return false;
    switch (o->kind) {
    case CONFIG_PATH: return !config_is_url(text) && !config_is_file_content(text);
    case CONFIG_SOCKET: return text.n == 0 || endpoint_is_path(text);
    case CONFIG_HOST: return text.n == 0 || endpoint_is_host(text);
    case CONFIG_HOSTS: return text.n == 0 || (!endpoint_is_path(text) && is_endpoint_list(text));
    case CONFIG_SERVERS: return is_endpoint_list(text);
    case CONFIG_REDIS_URL: return text.n == 0 || is_redis_url(text);
    case CONFIG_ADDRESS: return text.n == 0 || endpoint_is_address(text);
    case CONFIG_METRIC_NAME: return is_metric_name(text);
    case CONFIG_KEYS_URL: return text.n == 0 || !jwks_url_fault(text);
    case CONFIG_COOKIE: return text.n == 0 || http_is_token(text);
    case CONFIG_ORIGINS: return origin_list_is_valid(text);
    default: return true;
    }
}

static int parse_text(const struct config_option *o, struct str text, char **ret)
{
    if (!is_valid_text(o, text))
        return EH_EINVAL;
    free(*ret);
    *ret = mem_dup(text.p, text.n);
    return EH_OK;
}

char **config_text(struct config *c, const struct config_option *o)
{
    return (char **)(void *)((char *)c + o->offset);
}

int config_set(struct config *c, const struct config_option *o, struct str text)
{
    void *member = (char *)c + o->offset;
    int rc;

    switch (o->kind) {
    case CONFIG_NUMBER: rc = parse_number(o, text, member); break;
    case CONFIG_SIZE: rc = parse_size(o, text, member); break;
    case CONFIG_BOOL: rc = parse_bool(text, member); break;
    case CONFIG_MODE: rc = parse_mode(o, text, member); break;
    case CONFIG_CHOICE: rc = parse_choice(o, text, member); break;
    case CONFIG_LOG_LEVEL: rc = parse_log_level(text, member); break;
    case CONFIG_NETWORKS: rc = parse_networks(o, text, member); break;
    default: rc = parse_text(o, text, member); break;
    }
    return rc < 0 ? EH_EINVAL : EH_OK;
}

/* Divides *bytes by the largest unit that leaves no remainder, and returns that unit. */
static const char *size_unit(uint64_t *bytes)
{
    static const char *const units[] = { "", "k", "m", "g" };
    size_t i = 0;

    while (i < 3 && *bytes && *bytes % 1024 == 0) {
        *bytes /= 1024;
        i++;
    }
    return units[i];
}

static void add_sizes(struct buf *out, uint64_t min, uint64_t max)
{
    const char *min_unit = size_unit(&min);
    const char *max_unit = size_unit(&max);

    buf_addf(out, "%ju%s to %ju%s", (uintmax_t)min, min_unit, (uintmax_t)max, max_unit);
}

void config_add_allowed(struct buf *out, const struct config_option *o)
{
    uintmax_t min = o->min, max = o->max;

    switch (o->kind) {
    case CONFIG_NUMBER: buf_addf(out, "%ju to %ju", min, max); return;
    case CONFIG_SIZE: add_sizes(out, o->min, o->max); return;
    case CONFIG_BOOL: buf_addf(out, "true or false"); return;
    case CONFIG_MODE: buf_addf(out, "three octal digits, such as 660 or 666"); return;
    case CONFIG_CHOICE:
    case CONFIG_LOG_LEVEL: buf_addf(out, "%s", o->choices); return;
    case CONFIG_TEXT: buf_addf(out, "text of at most %ju bytes", max); return;
    case CONFIG_PATH: buf_addf(out, "the path of a file, at most %ju bytes", max); return;
    case CONFIG_SOCKET:
        buf_addf(out, "the path of a socket, beginning with /, at most %ju bytes", max);
        return;
    case CONFIG_HOST: buf_addf(out, "a host name or an address, at most %ju bytes", max); return;
    case CONFIG_HOSTS: buf_addf(out, "host[:port], or a list of at most 64 of them"); return;
    case CONFIG_SERVERS:
        buf_addf(out, "host[:port], a list of at most 64 of them, or the path of a Unix socket "
                      "(/path)");
        return;
    case CONFIG_REDIS_URL:
        buf_addf(out,
                 "redis://[user[:password]@]host[:port][/db], the same with rediss://, or "
                 "unix:///path[?db=N], at most %ju bytes",
                 max);
        return;
    case CONFIG_ADDRESS: buf_addf(out, "an IPv4 or IPv6 address"); return;
    case CONFIG_METRIC_NAME:
        buf_addf(out, "at most %ju letters, digits, _ and :, not beginning with a digit", max);
        return;
    case CONFIG_KEYS_URL:
        buf_addf(out,
                 "https://host[:port]/path, or for this machine http://localhost[:port]/path, at "
                 "most %ju bytes",
                 max);
        return;
    case CONFIG_COOKIE: buf_addf(out, "the name of a cookie, at most %ju bytes", max); return;
    case CONFIG_ORIGINS:
        buf_addf(out,
                 "* or a list of scheme://host[:port], scheme://*.host[:port], null or file://, at "
                 "most %ju bytes",
                 max);
        return;
    case CONFIG_NETWORKS:
        buf_addf(out, "a list of addresses and blocks (10.0.0.0/8), at most %ju bytes", max);
        return;
    }
}

void config_add_rule(struct buf *out, const struct config_option *o)
{
    const char *what = "";

    if (o->kind == CONFIG_NUMBER)
        what = "a number from ";
    else if (o->kind == CONFIG_SIZE)
        what = "a size in bytes, or with the suffix k, m or g, from ";
    buf_addf(out, "must be %s", what);
    config_add_allowed(out, o);
}
