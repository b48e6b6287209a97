#include "app/config/jwks_url.h"

#include <string.h>

#include "app/config/endpoints.h"
#include "base/array.h"

/* Returns host[:port]: what is between the scheme and the path. */
static struct str authority_of(struct str url)
{
    struct str rest = url, scheme;
    size_t n = 0;

    (void)str_cut(&rest, ':', &scheme);
    rest = str_skip(rest, 2); /* "//" */
    while (n < rest.n && !strchr("/?#", rest.p[n]))
        n++;
    return str_make(rest.p, n);
}

/* The names of the loopback that cannot mean anything else. */
bool jwks_url_is_local(struct str url)
{
    static const char *const hosts[] = { "localhost", "127.0.0.1", "[::1]" };
    struct str authority = authority_of(url);

    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct str host = str_of(hosts[i]);

        if (str_starts_with(authority, host) &&
            (authority.n == host.n || authority.p[host.n] == ':'))
            return true;
    }
    return false;
}

/* An IPv6 address must be in brackets. */
static bool has_host(struct str authority)
{
    struct endpoint_list list = { 0 };
    const char *first = memchr(authority.p, ':', authority.n);
    const char *last = memrchr(authority.p, ':', authority.n);
    bool is_one = !memchr(authority.p, ',', authority.n) &&
                  (authority.p[0] == '[' || first == last) &&
                  endpoint_list_parse(authority, 443, &list) == EH_OK;

    endpoint_list_done(&list);
    return is_one;
}

const char *jwks_url_fault(struct str text)
{
    bool is_https = str_starts_with(text, STR("https://"));
    struct str authority;

    if (!is_https && !str_starts_with(text, STR("http://")))
        return "text that begins with another scheme or with none";
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] <= ' ' || (unsigned char)text.p[i] >= 0x7F ||
            text.p[i] == '\\')
            return "a URL with blanks or characters that must be percent-encoded";
    }
    authority = authority_of(text);
    if (authority.n == 0)
        return "a URL without a host";
    if (memchr(authority.p, '@', authority.n))
        return "a URL with a user or password";
    if (!has_host(authority))
        return "a URL with a malformed host or port";
    if (memchr(text.p, '#', text.n))
        return "a URL with a fragment (#)";
    if (!is_https && !jwks_url_is_local(text))
        return "an http URL of another machine, where anyone on the way could replace the keys: "
               "use https";
    return NULL;
}
