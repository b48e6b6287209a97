#include "proto/origin.h"

#include "base/array.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_scheme(struct str s)
{
    if (s.n == 0 || !is_letter(s.p[0]))
        return false;
    for (size_t i = 1; i < s.n; i++) {
        char c = s.p[i];

        if (!is_letter(c) && !is_digit(c) && c != '+' && c != '-' && c != '.')
            return false;
    }
    return true;
}

static bool is_port(struct str s)
{
    uint64_t port;

    return str_parse_u64(s, &port) == EH_OK && port > 0 && port <= 65535;
}

/* Accepts a name or an IPv4 address, and with `more` ":" the IPv6 address inside brackets. It
 * checks only the characters. */
static bool is_host(struct str s, char more)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!is_digit(c) && !is_letter(c) && c != '-' && c != '.' && c != '_' && c != more)
            return false;
    }
    return s.n > 0;
}

/* Accepts host[:port]. */
static bool is_authority(struct str s)
{
    struct str rest = s, host;

    if (s.n == 0 || s.p[0] != '[') {
        (void)str_cut(&rest, ':', &host);
        return is_host(host, '.') && (!rest.p || is_port(rest));
    }
    (void)str_cut(&rest, ']', &host);
    if (!rest.p || !is_host(str_skip(host, 1), ':'))
        return false;
    return rest.n == 0 || (rest.p[0] == ':' && is_port(str_skip(rest, 1)));
}

/* Pages that do not come from a host: sandboxed frames and files, and files in some web views. */
static bool is_hostless(struct str s)
{
    return str_eq_nocase(s, STR("null")) || str_eq_nocase(s, STR("file://"));
}

static bool is_origin(struct str s)
{
    static const struct str separator = { "://", 3 };
    struct str rest = s, scheme;

    if (is_hostless(s))
        return true;
    (void)str_cut(&rest, ':', &scheme);
    rest = str_skip(s, scheme.n);
    if (!str_starts_with(rest, separator) || !is_scheme(scheme))
        return false;
    rest = str_skip(rest, separator.n);
    if (str_starts_with(rest, STR("*.")))
        return !str_starts_with(str_skip(rest, 2), STR("[")) && is_authority(str_skip(rest, 2));
    return is_authority(rest);
}

static bool is_any(struct str entry)
{
    return str_eq(entry, STR("*"));
}

bool origin_list_is_valid(struct str list)
{
    struct str entry;

    while (str_cut(&list, ',', &entry)) {
        entry = str_trim(entry);
        if (!is_any(entry) && !is_origin(entry))
            return false;
    }
    return true;
}

static bool cut_end(struct str *s, struct str end)
{
    if (s->n < end.n || !str_eq(str_skip(*s, s->n - end.n), end))
        return false;
    s->n -= end.n;
    return true;
}

struct scheme {
    struct str name, begin, default_port;
};

/* Finds the scheme of the origin among those that have a default port. */
static const struct scheme *find_scheme(struct str origin)
{
    static const struct scheme schemes[] = {
        { { "https", 5 }, { "https://", 8 }, { ":443", 4 } },
        { { "http", 4 }, { "http://", 7 }, { ":80", 3 } },
    };

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (str_starts_with_nocase(origin, schemes[i].begin))
            return &schemes[i];
    }
    return NULL;
}

/* Cuts off the scheme's default port, which browsers omit but an entry of the list may name. */
static struct str without_default_port(struct str origin)
{
    const struct scheme *scheme = find_scheme(origin);

    if (scheme)
        (void)cut_end(&origin, scheme->default_port);
    return origin;
}

/* Reports whether the origin matches the entry, whose host may begin with "*." and then stands for
 * every name below it. The text in place of "*" must be part of a name, or
 * "https://evil.example/.a.example" would match. */
static bool matches(struct str entry, struct str origin)
{
    struct str end = without_default_port(entry), begin;

    (void)str_cut(&end, '*', &begin);
    if (!end.p)
        return str_eq_nocase(begin, origin);
    if (origin.n <= begin.n + end.n)
        return false;
    return str_starts_with_nocase(origin, begin) &&
           str_eq_nocase(str_skip(origin, origin.n - end.n), end) &&
           is_host(str_make(origin.p + begin.n, origin.n - begin.n - end.n), '.');
}

enum { HAS_ANY = 1, HAS_OTHERS = 2, HAS_ORIGIN = 4 };

/* Reports, as flags, whether the list has "*", other entries, and one that matches the origin. */
static unsigned look_up(struct str list, struct str origin)
{
    struct str entry;
    unsigned found = 0;

    while (str_cut(&list, ',', &entry)) {
        entry = str_trim(entry);
        found |= is_any(entry) ? HAS_ANY : HAS_OTHERS;
        if (!is_any(entry) && origin.n && matches(entry, origin))
            found |= HAS_ORIGIN;
    }
    return found;
}

bool origin_is_allowed(struct str list, const struct http_request *rq)
{
    switch (http_header_count(rq, STR("Origin"))) {
    case 0: return true;
    case 1: return look_up(list, http_header(rq, STR("Origin"))) & (HAS_ANY | HAS_ORIGIN);
    default: return false;
    }
}

bool origin_list_is_open(struct str list)
{
    struct str entry;

    while (str_cut(&list, ',', &entry)) {
        entry = str_trim(entry);
        if (is_any(entry) || str_eq_nocase(entry, STR("null")))
            return true;
    }
    return false;
}

/* Reports whether the request only reads and may be from a page of the same origin: a page of
 * another one reads with Origin, or it cannot see the answer. Browsers that do not send
 * Sec-Fetch-Site, and those that use plain HTTP, get the benefit of the doubt. */
static bool may_be_own_read(const struct http_request *rq)
{
    struct str site = http_header(rq, STR("Sec-Fetch-Site"));

    return http_reads(rq) && (!site.p || str_eq(site, STR("same-origin")));
}

bool origin_may_use_cookies(struct str list, const struct http_request *rq)
{
    switch (http_header_count(rq, STR("Origin"))) {
    case 0: return may_be_own_read(rq);
    case 1: return look_up(list, http_header(rq, STR("Origin"))) & HAS_ORIGIN;
    default: return false;
    }
}

bool origin_is_own(const struct http_request *rq, struct str scheme, struct str host)
{
    struct str origin = http_header(rq, STR("Origin"));
    const struct scheme *own = find_scheme(origin);

    if (!own || http_header_count(rq, STR("Origin")) != 1)
        return false;
    if (scheme.n && !str_eq_nocase(scheme, own->name))
        return false;
    (void)cut_end(&host, own->default_port);
    origin = str_skip(without_default_port(origin), own->begin.n);
    return host.n && str_eq_nocase(origin, host);
}

/* A browser lets a page send cookies and client certificates only if the answer names its origin
 * and allows credentials. For "*" the answer never does, since the operator does not know such a
 * page. */
void origin_add_cors(struct str list, const struct http_request *rq, struct buf *out)
{
    struct str origin = http_header(rq, STR("Origin"));
    unsigned found = look_up(list, origin);

    if ((found & HAS_ORIGIN) && origin_is_allowed(list, rq))
        buf_addf(out,
                 "Access-Control-Allow-Origin: %.*s\r\n"
                 "Access-Control-Allow-Credentials: true\r\n",
                 STR_ARG(origin));
    else if (found & HAS_ANY)
        buf_add_str(out, STR("Access-Control-Allow-Origin: *\r\n"));
    if (found & HAS_OTHERS)
        buf_add_str(out, STR("Vary: Origin\r\n")); /* the answer depends on the page */
}

static bool is_list_of_tokens(struct str list)
{
    struct str token;

    while (str_cut(&list, ',', &token)) {
        if (!http_is_token(str_trim(token)))
            return false;
    }
    return true;
}

void origin_add_preflight(const struct http_request *rq, struct buf *out)
{
    struct str asked = http_header(rq, STR("Access-Control-Request-Headers"));

    if (asked.n == 0 || !is_list_of_tokens(asked))
        asked = STR("Authorization, Content-Type, Last-Event-ID, Cache-Control");
    buf_addf(out,
             "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"
             "Access-Control-Allow-Headers: %.*s\r\n"
             "Access-Control-Max-Age: 86400\r\n"
             "Vary: Access-Control-Request-Headers\r\n",
             STR_ARG(asked));
}
