#include "app/config/config_hint.h"

#include <string.h>

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
    static const char *const pairs[][2] = { { "REDIS_HOST", "REDIS_PORT" },
                                            { "LISTEN_ADDRESS", "LISTEN_PORT" },
                                            { "METRICS_LISTEN_ADDRESS", "METRICS_LISTEN_PORT" } };

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
    case CONFIG_ORIGINS: return NULL;
    case CONFIG_PATH: return "a URL: only files can be read";
    case CONFIG_HOST:
        return "a URL: set REDIS_HOST, REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD, REDIS_DB and "
               "REDIS_TLS to its parts";
    case CONFIG_NUMBER:
        if (str_starts_with(text, STR("tcp://"))) /* for a service called "redis": REDIS_PORT */
            return "a URL: if Kubernetes set it for a service, set enableServiceLinks to false";
        return "a URL";
    default: return "a URL";
    }
}

/* Hints that do not name another option. NULL: none. */
static const char *plain_hint(const struct config_option *o, struct str text)
{
    bool is_host = o->kind == CONFIG_HOST || o->kind == CONFIG_ADDRESS;

    if (o->kind == CONFIG_PATH && config_is_file_content(text))
        return "the content of such a file: write it to a file";
    if (text.p[text.n - 1] == '\n')
        return "text that ends with a line break";
    if (is_quoted(text))
        return "text in quotes: leave out the quotes";
    if (o->kind == CONFIG_HOST && str_starts_with(text, STR("unix:")))
        return "a URL: write only the path, which begins with /";
    if (config_is_url(text))
        return url_hint(o, text);
    if (o->kind == CONFIG_HOST && has(text, '@'))
        return "a host with a user: set REDIS_USERNAME and REDIS_PASSWORD";
    if (is_host && has(text, ','))
        return "a list";
    if (is_host && text.p[0] == '[' && text.p[text.n - 1] == ']')
        return "an address in brackets: leave out the brackets";
    return NULL;
}

bool config_add_hint(struct buf *out, const struct config_option *o, struct str text)
{
    const char *plain = text.n ? plain_hint(o, text) : NULL;
    const char *other = other_half(o);

    if (plain)
        buf_addf(out, "%s", plain);
    else if (other && has(text, ':'))
        buf_addf(out, "a host with a port: set %s", other);
    else
        return false;
    return true;
}
