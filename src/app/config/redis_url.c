#include "app/config/redis_url.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "broker/redis_login.h"

#define DEFAULT_PORT 6379

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes at most `max` bytes. NULL, or what is wrong. */
static const char *decode(struct str text, size_t max, char **ret)
{
    char *out = mem_alloc(text.n + 1);
    const char *wrong = NULL;
    size_t n = 0;

    for (size_t i = 0; i < text.n && !wrong; i++) {
        bool is_code = text.p[i] == '%';
        int high = is_code && i + 2 < text.n ? digit_of(text.p[i + 1]) : -1;
        int low = is_code && i + 2 < text.n ? digit_of(text.p[i + 2]) : -1;

        if (is_code && (high < 0 || low < 0))
            wrong = "a URL with a % that is not followed by two hexadecimal digits: write %25";
        else if (is_code && high + low == 0)
            wrong = "a URL with a NUL byte";
        out[n] = text.p[i];
        if (is_code) {
            out[n] = (char)(high * 16 + low);
            i += 2;
        }
        n++;
    }
    if (!wrong && n > max)
        wrong = "a URL with a part that is too long";
    if (wrong) {
        free(out);
        return wrong;
    }
    out[n] = '\0';
    free(*ret);
    *ret = out;
    return NULL;
}

/* Cuts "user:password@" off the front of *authority. */
static const char *parse_login(struct str *authority, struct redis_url *url)
{
    const char *at = authority->n ? memrchr(authority->p, '@', authority->n) : NULL;
    struct str user, password;
    const char *wrong;

    if (!at)
        return NULL;
    password = str_make(authority->p, (size_t)(at - authority->p));
    *authority = str_skip(*authority, password.n + 1);
    (void)str_cut(&password, ':', &user);
    wrong = decode(user, REDIS_USERNAME_BYTES, &url->username);
    if (!wrong && password.p)
        wrong = decode(password, REDIS_PASSWORD_BYTES, &url->password);
    return wrong;
}

static const char *parse_db(struct str text, struct redis_url *url)
{
    if (str_parse_u64(text, &url->db) < 0 || url->db > REDIS_URL_DB_MAX)
        return "a URL with a database that is not a number from 0 to 65535";
    return NULL;
}

/* Parses "/db" or "/"; the query is empty. */
static const char *parse_tcp(struct str authority, struct str path, struct str query,
                             struct redis_url *url)
{
    if (query.p)
        return "a URL with parameters";
    if (authority.n == 0)
        return "a URL without a host";
    if (endpoint_list_parse(authority, DEFAULT_PORT, &url->hosts) < 0)
        return "a URL with a malformed host or port";
    return path.n > 1 ? parse_db(str_skip(path, 1), url) : NULL;
}

/* Parses "/path" and "?db=N". The text before the path is its first folder:
 * unix://run/redis.sock. */
static const char *parse_unix(struct str authority, struct str path, struct str query,
                              struct redis_url *url)
{
    struct buf whole = { 0 };
    const char *wrong = NULL;
    char *decoded = NULL;

    if (query.p && !str_starts_with(query, STR("db=")))
        return "a URL with parameters other than db";
    if (query.p)
        wrong = parse_db(str_skip(query, 3), url);
    if (authority.n)
        buf_add_char(&whole, '/');
    buf_add_str(&whole, authority);
    buf_add_str(&whole, path);
    if (!wrong && buf_used(&whole) < 2)
        wrong = "a URL without a path";
    if (!wrong)
        wrong = decode(buf_str(&whole), ENDPOINT_PATH_MAX, &decoded);
    if (!wrong && endpoint_list_parse(str_of(decoded), 0, &url->hosts) < 0)
        wrong = "a URL with a list of paths";
    free(decoded);
    buf_done(&whole);
    return wrong;
}

/* Returns the length of the text before the first of these characters. */
static size_t span(struct str text, const char *end)
{
    size_t n = 0;

    while (n < text.n && !strchr(end, text.p[n]))
        n++;
    return n;
}

static bool has_control(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7F)
            return true;
    }
    return false;
}

static bool skip_scheme(struct str *text, struct str scheme)
{
    if (!str_starts_with_nocase(*text, scheme))
        return false;
    *text = str_skip(*text, scheme.n);
    return true;
}

static const char *parse(struct str text, struct redis_url *url)
{
    struct str authority, path, query = { NULL, 0 };
    const char *wrong;
    bool is_unix;

    if (has_control(text))
        return "text with a line break or another control character";
    url->tls = skip_scheme(&text, STR("rediss://"));
    is_unix = !url->tls && skip_scheme(&text, STR("unix://"));
    if (!url->tls && !is_unix && !skip_scheme(&text, STR("redis://")))
        return "text that begins with another scheme or with none";
    if (memchr(text.p, '#', text.n))
        return "a URL with a #: write %23";
    authority = str_make(text.p, span(text, "/?"));
    text = str_skip(text, authority.n);
    path = str_make(text.p, span(text, "?"));
    text = str_skip(text, path.n);
    if (text.n)
        query = str_skip(text, 1);
    wrong = parse_login(&authority, url);
    if (wrong)
        return wrong;
    return (is_unix ? parse_unix : parse_tcp)(authority, path, query, url);
}

const char *redis_url_parse(struct str text, struct redis_url *ret)
{
    struct redis_url url = { .username = mem_dup("", 0), .password = mem_dup("", 0) };
    const char *wrong = text.n ? parse(text, &url) : "empty";

    if (wrong)
        redis_url_done(&url);
    else
        *ret = url;
    return wrong;
}

void redis_url_done(struct redis_url *url)
{
    free(url->username);
    free(url->password);
    endpoint_list_done(&url->hosts);
    *url = (struct redis_url){ 0 };
}
