#include "ctl/link/target.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/file.h"
#include "base/mem.h"
#include "ctl/line/command.h"
#include "ctl/term/clean.h"
#include "net/tls.h"
#include "net/unix_socket.h"

#define DEFAULT_URL "ws://127.0.0.1:8080"
#define URL_MAX     2048
#define HOST_MAX    255

/* ---- the URL ---- */

static const struct {
    struct str scheme;
    bool has_tls;
} schemes[] = {
    { { "ws://", 5 }, false },
    { { "http://", 7 }, false },
    { { "wss://", 6 }, true },
    { { "https://", 8 }, true },
};

/* A URL in its parts; views. */
struct parts {
    struct str scheme; /* "ws://", as in the table above */
    bool has_tls;
    struct str host;
    uint16_t port;
    struct str path;
    struct str socket; /* NULL: none */
};

static bool cut_prefix(struct str *s, struct str prefix)
{
    if (!str_starts_with_nocase(*s, prefix))
        return false;
    *s = str_skip(*s, prefix.n);
    return true;
}

static bool cut_scheme(struct str *url, struct parts *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        ret->scheme = schemes[i].scheme;
        ret->has_tls = schemes[i].has_tls;
        if (cut_prefix(url, schemes[i].scheme))
            return true;
    }
    return false;
}

static bool is_host(struct str host, bool is_ipv6)
{
    for (size_t i = 0; i < host.n; i++) {
        const unsigned char c = (unsigned char)host.p[i];

        if (c <= ' ' || c >= 0x7f || strchr("\"'<>\\^`{|}/?#@[]", c) || (c == ':' && !is_ipv6))
            return false;
    }
    return host.n > 0 && host.n <= HOST_MAX;
}

/* Reads "host", "host:port" or "[address]:port". */
static const char *read_authority(struct str text, struct parts *ret)
{
    bool is_ipv6 = text.n && text.p[0] == '[';
    struct str rest = is_ipv6 ? str_skip(text, 1) : text, port;
    uint64_t number;

    (void)str_cut(&rest, is_ipv6 ? ']' : ':', &ret->host);
    if (is_ipv6 && !rest.p)
        return "has no ] after its IPv6 address";
    if (!is_ipv6 && rest.n && memchr(rest.p, ':', rest.n))
        return "has an IPv6 address without brackets: write [address]:port";
    if (!is_host(ret->host, is_ipv6))
        return "has no valid host name";
    ret->port = ret->has_tls ? 443 : 80;
    if (is_ipv6 && rest.n) {
        if (rest.p[0] != ':')
            return "has no port after the address in brackets";
        rest = str_skip(rest, 1);
    } else if (is_ipv6 || !rest.p) {
        return NULL;
    }
    port = rest;
    if (str_parse_u64(port, &number) < 0 || number == 0 || number > UINT16_MAX)
        return "has no valid port: it is a number from 1 to 65535";
    ret->port = (uint16_t)number;
    return NULL;
}

/* Reports whether the text can travel in the head of a request. */
static bool is_visible(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= ' ' || text.p[i] > '~')
            return false;
    }
    return true;
}

static const char *find_wrong_in_path(struct str path)
{
    if (memchr(path.p, '?', path.n) || memchr(path.p, '#', path.n))
        return "must end before ? and #: for the token, set EVENTHUB_TOKEN or use --token-file";
    if (!is_visible(path))
        return "has a space or another character that a URL cannot have";
    return NULL;
}

/* Reads what follows the scheme of a Unix socket: a path, or // and a path. */
static const char *read_socket(struct str path, struct parts *ret)
{
    if (str_starts_with(path, STR("//")))
        path = str_skip(path, 2);
    if (path.n < 2 || path.p[0] != '/')
        return "must name a socket by its whole path: unix:/run/eventhub/eventhub.sock";
    if (path.n > UNIX_SOCKET_PATH_MAX)
        return "has a path that is longer than 107 bytes, more than a Unix socket can have";
    ret->socket = path;
    ret->host = STR("localhost");
    return find_wrong_in_path(path);
}

/* Returns NULL, or what is wrong, in words that follow the name of the option. */
static const char *read_url(struct str url, struct parts *ret)
{
    struct str authority;
    const char *wrong;
    size_t n;

    if (url.n > URL_MAX)
        return "is longer than 2048 bytes";
    if (cut_prefix(&url, STR("unix:")) || cut_prefix(&url, STR("ws+unix:")))
        return read_socket(url, ret);
    if (!cut_scheme(&url, ret))
        return "must begin with ws://, wss://, http:// or https://, or with unix:/";
    n = 0;
    while (n < url.n && !strchr("/?#", url.p[n]))
        n++;
    authority = str_make(url.p, n);
    ret->path = str_skip(url, n);
    if (memchr(authority.p, '@', authority.n))
        return "must not hold a name or password: set EVENTHUB_TOKEN or use --token-file";
    wrong = find_wrong_in_path(ret->path);
    if (wrong)
        return wrong;
    while (ret->path.n && ret->path.p[ret->path.n - 1] == '/')
        ret->path.n--;
    return read_authority(authority, ret);
}

static char *text_of(struct buf *b)
{
    char *text = mem_dup(buf_head(b), buf_used(b));

    buf_done(b);
    return text;
}

static void take_socket(struct target *t, const struct parts *p)
{
    struct buf b = { 0 };

    t->socket = mem_dup(p->socket.p, p->socket.n);
    t->host = mem_dup(p->host.p, p->host.n);
    t->authority = mem_dup(p->host.p, p->host.n);
    t->path = mem_dup("", 0);
    buf_addf(&b, "unix:%s", t->socket);
    t->url = text_of(&b);
}

static void take_parts(struct target *t, const struct parts *p)
{
    bool is_ipv6 = memchr(p->host.p, ':', p->host.n) != NULL;
    struct buf b = { 0 };

    t->has_tls = p->has_tls;
    t->port = p->port;
    t->host = mem_dup(p->host.p, p->host.n);
    t->path = p->path.n ? mem_dup(p->path.p, p->path.n) : mem_dup("", 0);
    /* The zone of an address (fe80::1%eth0) means something on this machine only. */
    buf_addf(&b, is_ipv6 ? "[%.*s]" : "%.*s", (int)strcspn(t->host, "%"), t->host);
    if (p->port != (p->has_tls ? 443 : 80))
        buf_addf(&b, ":%u", p->port);
    t->authority = text_of(&b);
    buf_addf(&b, "%.*s%s%s", STR_ARG(p->scheme), t->authority, t->path);
    t->url = text_of(&b);
}

/* ---- the token ---- */

static bool is_token(struct str text)
{
    return text.n > 0 && text.n <= TARGET_TOKEN_MAX && is_visible(text);
}

/* The options do not tell --token from EVENTHUB_TOKEN, so the error names both. */
static int take_token(struct target *t, const struct common_options *common, struct buf *why)
{
    if (common->token && !is_token(str_of(common->token))) {
        buf_add_str(why,
                    STR("the value of --token or EVENTHUB_TOKEN is not a token: it must be one "
                        "line of visible characters, without spaces"));
        return EH_EINVAL;
    }
    t->token = common->token ? mem_dup(common->token, strlen(common->token)) : NULL;
    t->token_file =
        common->token_file ? mem_dup(common->token_file, strlen(common->token_file)) : NULL;
    return EH_OK;
}

int target_read_token(const struct target *t, struct buf *ret, struct buf *why)
{
    struct buf text = { 0 };
    struct str token = { NULL, 0 };
    const char *wrong;

    if (t->token)
        buf_add_str(ret, str_of(t->token));
    if (!t->token_file)
        return EH_OK;
    wrong = file_read_secret(t->token_file, &text, &token);
    if (!wrong && !is_token(token))
        wrong = "it must hold one token, and nothing else";
    if (wrong) {
        buf_add_str(why, STR("cannot use the token file "));
        clean_add(why, str_of(t->token_file), true);
        buf_addf(why, ": %s", wrong);
    } else {
        buf_add_str(ret, token);
    }
    buf_done(&text);
    return wrong ? EH_EINVAL : EH_OK;
}

/* ---- TLS ---- */

static int take_tls(struct target *t, const struct common_options *common, struct buf *why)
{
    const struct tls_files files = { .certificate = "",
                                     .private_key = "",
                                     .ca = common->ca ? common->ca : "" };
    const enum tls_role role = common->insecure ? TLS_CLIENT_INSECURE : TLS_CLIENT;
    char wrong[TLS_WHY_MAX];

    if (common->insecure && common->ca) {
        buf_add_str(why, STR("--insecure conflicts with --ca: use one of them"));
        return EH_EINVAL;
    }
    if (!t->has_tls && common->ca) {
        buf_add_str(why, STR("--ca is for TLS: use it with a URL that begins with wss:// or "
                             "https://"));
        return EH_EINVAL;
    }
    if (!t->has_tls || tls_create(role, &files, &t->tls, wrong) == EH_OK)
        return EH_OK;
    buf_add_str(why, str_of(wrong));
    return EH_EINVAL;
}

/* ---- all of it ---- */

int target_create(const struct common_options *common, const char *url, struct target **ret,
                  struct buf *why)
{
    const char *text = url ? url : common->url ? common->url : DEFAULT_URL;
    struct target *t = mem_zalloc(sizeof(*t));
    struct parts parts = { 0 };
    const char *wrong = read_url(str_of(text), &parts);

    if (wrong) {
        buf_addf(why, "the URL %s", wrong);
    } else {
        t->timeout_ms = common->timeout_ms;
        if (parts.socket.p)
            take_socket(t, &parts);
        else
            take_parts(t, &parts);
        if (take_token(t, common, why) == EH_OK && take_tls(t, common, why) == EH_OK) {
            *ret = t;
            return EH_OK;
        }
    }
    target_free(t);
    return EH_EINVAL;
}

void target_free(struct target *t)
{
    if (!t)
        return;
    tls_free(t->tls);
    free(t->url);
    free(t->host);
    free(t->socket);
    free(t->authority);
    free(t->path);
    free(t->token);
    free(t->token_file);
    free(t);
}
