#include "broker/redis/redis_endpoint.h"

#include <stdio.h>
#include <string.h>

bool redis_endpoint_is_set(const struct redis_endpoint *e)
{
    return e->host[0] != '\0';
}

bool redis_endpoint_equal(const struct redis_endpoint *a, const struct redis_endpoint *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static bool is_host(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '/')
            return false;
    }
    return s.n > 0 && s.n <= REDIS_HOST_MAX;
}

int redis_endpoint_set(struct redis_endpoint *ret, struct str host, uint64_t port)
{
    if (!is_host(host) || port < 1 || port > UINT16_MAX)
        return EH_EINVAL;
    *ret = (struct redis_endpoint){ .port = (uint16_t)port };
    memcpy(ret->host, host.p, host.n);
    return EH_OK;
}

void redis_endpoint_format(const struct redis_endpoint *e, char out[REDIS_ENDPOINT_TEXT])
{
    bool is_v6 = strchr(e->host, ':') != NULL;

    if (e->host[0] == '/' || !redis_endpoint_is_set(e))
        (void)snprintf(out, REDIS_ENDPOINT_TEXT, "%s", e->host);
    else
        (void)snprintf(out, REDIS_ENDPOINT_TEXT, is_v6 ? "[%s]:%u" : "%s:%u", e->host, e->port);
}
