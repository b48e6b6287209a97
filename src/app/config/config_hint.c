#include "app/config/config_hint.h"

#include <string.h>

#include "app/config/endpoints.h"
#include "app/config/jwks_url.h"
#include "app/config/redis_url.h"
#include "base/array.h"

static bool has(struct str text, char c)
{
    return text.n > 0 && memchr(text.p, c, text.n) != NULL;
}

static bool contains(struct str text, struct str part)
{
    for (; text.n >= part.n; text = str_skip(text, 1)) {
        if (str_starts_with(text, part))
            return true;
    }
    return false;
}

static struct str skip_blanks(struct str text)
{
    while (text.n > 0 && (text.p[0] == ' ' || (text.p[0] >= '\t' && text.p[0] <= '\r')))
        text = str_skip(text, 1);
    return text;
}

bool config_is_url(struct str text)
{
    return contains(text, STR("://"));
}

bool config_is_file_content(struct str text)
{
    struct str json = skip_blanks(text);

    if (contains(text, STR("-----BEGIN ")))
        return true;
    return str_starts_with(json, STR("{")) &&
           str_starts_with(skip_blanks(str_skip(json, 1)), STR("\""));
}

static bool is_quoted(struct str text)
{
    return text.n >= 2 && (text.p[0] == '"' || text.p[0] == '\'') &&
           text.p[text.n - 1] == text.p[0];
}

/* Finds the option for the port of the host or address o, or for the host of the port o. */
static const char *other_half(const struct config_option *o)
{
    static const char *const pairs[][2] = { { "LISTEN_ADDRESS", "LISTEN_PORT" },
                                            { "METRICS_LISTEN_ADDRESS", "METRICS_LISTEN_PORT" } };

    if (strcmp(o->name, "REDIS_PORT") == 0)
        return "REDIS_HOST"; /* which may have a port itself */
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        for (size_t k = 0; k < 2; k++) {
            if (strcmp(o->name, pairs[i][k]) == 0)
                return pairs[i][1 - k];
        }
    }
    return NULL;
}

static const char *url_hint(const struct config_option *o, struct str text)
{
    switch (o->kind) {
    case CONFIG_TEXT: /* may be a URL */
    case CONFIG_METRIC_NAME:
    case CONFIG_COOKIE:
    case CONFIG_ORIGINS: return NULL;
    case CONFIG_PATH: return "a URL: only files can be read";
    case CONFIG_SERVERS: return "a URL: set REDIS_URL";
    case CONFIG_NUMBER:
        if (str_starts_with(text, STR("tcp://"))) /* for a service called "redis": REDIS_PORT */
            return "a URL: if Kubernetes set it for a service, set enableServiceLinks to false";
        return "a URL";
    default: return "a URL";
    }
}

/* Returns NULL if the URL is only too long. */
static const char *redis_url_hint(struct str text)
{
    struct redis_url url = { 0 };
    const char *wrong = redis_url_parse(text, &url);

    redis_url_done(&url);
    return wrong;
}

static const char *list_hint(const struct config_option *o, struct str text)
{
    struct endpoint_list list = { 0 };
    int rc = endpoint_list_parse(text, 1, &list);

    endpoint_list_done(&list);
    if (has(text, '@'))
        return o->kind == CONFIG_SERVERS
                   ? "a host with a user: set REDIS_USERNAME and REDIS_PASSWORD"
                   : "a host with a user: set REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD";
    if (endpoint_is_path(text) && o->kind == CONFIG_HOSTS)
        return "the path of a Unix socket";
    if (endpoint_is_path(text) && has(text, ','))
        return "the path of a Unix socket in a list";
    if (rc == EH_ELIMIT)
        return endpoint_is_path(text) ? "a path that is too long for a Unix socket"
                                      : "a list of more than 64 hosts";
    return NULL;
}

/* Hints that do not name another option. NULL: none. */
static const char *plain_hint(const struct config_option *o, struct str text)
{
    if (o->kind == CONFIG_PATH && config_is_file_content(text))
        return "the content of such a file: write it to a file";
    if (text.p[text.n - 1] == '\n')
        return "text that ends with a line break";
    if (is_quoted(text))
        return "text in quotes: leave out the quotes";
    if (o->kind == CONFIG_REDIS_URL)
        return redis_url_hint(text);
    if (o->kind == CONFIG_SERVERS && str_starts_with(text, STR("unix:")) &&
        !str_starts_with(text, STR("unix://")))
        return "a URL: write only the path, which begins with /";
    if (o->kind == CONFIG_KEYS_URL)
        return jwks_url_fault(text);
    if (config_is_url(text))
        return url_hint(o, text);
    if (o->kind == CONFIG_SERVERS || o->kind == CONFIG_HOSTS)
        return list_hint(o, text);
    if ((o->kind == CONFIG_ADDRESS || o->kind == CONFIG_HOST) && has(text, ','))
        return "a list";
    if ((o->kind == CONFIG_ADDRESS || o->kind == CONFIG_HOST) && text.p[0] == '[' &&
        text.p[text.n - 1] == ']')
        return "an address in brackets: leave out the brackets";
    return NULL;
}

bool config_add_hint(struct buf *out, const struct config_option *o, struct str text)
{
    bool is_hidden = o->secret && o->kind != CONFIG_REDIS_URL;
    const char *plain = text.n && !is_hidden ? plain_hint(o, text) : NULL;
    const char *other = other_half(o);

    if (plain)
        buf_addf(out, ", not %s", plain);
    else if (other && has(text, ':'))
        buf_addf(out, ", not a host with a port: set %s", other);
    else
        return false;
    return true;
}
