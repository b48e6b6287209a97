#include "broker/redis/redis_redirect.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "base/str.h"
#include "broker/redis/redis_reply.h"

static const char *const names[] = {
    [REDIS_REDIRECT_NONE] = "",
    [REDIS_REDIRECT_NOSCRIPT] = "NOSCRIPT",
    [REDIS_REDIRECT_MOVED] = "MOVED",
    [REDIS_REDIRECT_ASK] = "ASK",
    [REDIS_REDIRECT_TRYAGAIN] = "TRYAGAIN",
    [REDIS_REDIRECT_CLUSTERDOWN] = "CLUSTERDOWN",
    [REDIS_REDIRECT_FENCE] = "FENCE",
};

static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= 0x20 || s.p[i] > 0x7e)
            return false;
    }
    return true;
}

/* Reads `host:port`, where the host may be an IPv6 address without brackets, empty or "?". A path
 * is refused: nobody may send us to a socket of this machine. */
static int read_endpoint(struct str text, struct redis_endpoint *ret)
{
    const char *colon = memrchr(text.p, ':', text.n);
    struct str host, port;
    uint64_t number;

    if (!colon || !is_printable(text))
        return EH_EINVAL;
    host = str_make(text.p, (size_t)(colon - text.p));
    port = str_skip(text, host.n + 1);
    EH_TRY(str_parse_u64(port, &number));
    if (number < 1 || number > UINT16_MAX || host.n > REDIS_HOST_MAX)
        return EH_EINVAL;
    if (host.n > 0 && host.p[0] == '/')
        return EH_EINVAL;
    *ret = (struct redis_endpoint){ 0 };
    if (str_eq(host, STR("?")))
        return EH_OK;
    memcpy(ret->host, host.p, host.n);
    ret->port = (uint16_t)number;
    return EH_OK;
}

/* Reads `MOVED 3999 127.0.0.1:6381`. */
static int read_target(struct str text, struct redis_redirect *ret)
{
    struct str word, slot;
    uint64_t number;

    if (!str_cut(&text, ' ', &word) || !str_cut(&text, ' ', &slot) || !text.p)
        return EH_EINVAL;
    EH_TRY(str_parse_u64(slot, &number));
    if (number >= REDIS_SLOTS)
        return EH_EINVAL;
    EH_TRY(read_endpoint(text, &ret->endpoint));
    ret->slot = (unsigned)number;
    return EH_OK;
}

static bool is_code(struct str text, const char *name)
{
    struct str code = str_of(name);

    return str_starts_with(text, code) && (text.n == code.n || text.p[code.n] == ' ');
}

/* An error that a command inside a script raised. The script may have written before. */
static bool is_from_a_script(struct str text)
{
    return memmem(text.p, text.n, "user_script", 11) != NULL;
}

struct redis_redirect redis_redirect_of(const struct redisReply *r)
{
    struct redis_redirect none = { .kind = REDIS_REDIRECT_NONE }, found = none;
    struct str text = redis_reply_text(r);

    if (!redis_reply_is_error(r) || is_from_a_script(text))
        return none;
    for (size_t i = 1; i < ARRAY_LEN(names) && found.kind == REDIS_REDIRECT_NONE; i++) {
        if (is_code(text, names[i]))
            found.kind = (enum redis_redirect_kind)i;
    }
    if ((found.kind == REDIS_REDIRECT_MOVED || found.kind == REDIS_REDIRECT_ASK) &&
        read_target(text, &found) < 0)
        return none;
    return found;
}

bool redis_redirect_passes(const struct redisReply *error)
{
    return redis_reply_needs_reconnect(error) || redis_reply_has_code(error, "BUSY") ||
           redis_redirect_of(error).kind != REDIS_REDIRECT_NONE ||
           strstr(redis_reply_text(error).p, "non local key"); /* in the middle of a script */
}

void redis_redirect_complete(struct redis_redirect *redirect, const char *host)
{
    struct redis_endpoint *to = &redirect->endpoint;

    if (to->port && !to->host[0])
        (void)snprintf(to->host, sizeof(to->host), "%s", host);
}

const char *redis_redirect_name(enum redis_redirect_kind kind)
{
    return names[kind];
}
