/* conn_proxy.c - the start of a connection that a load balancer passes on: it says from whom. */
#include "app/conn/conn.h"
#include "base/log.h"
#include "proto/proxy.h"

static int refuse(struct conn *c)
{
    char peer[SOCK_ADDR_TEXT];

    sock_addr_format(&c->link, peer);
    log_debug("proxy_header_refused", LOG_Z("peer", peer));
    metrics_inc(c->worker->metrics, METRIC_REFUSED_PROXY);
    c->closed_as = METRIC_CLOSED_PROTOCOL;
    return EH_EINVAL;
}

/* False: the client has too many connections already. */
static bool believe(struct conn *c, const struct proxy_header *h)
{
    if (h->has_source) {
        memcpy(c->link.ip, h->ip, sizeof(c->link.ip));
        c->link.port = h->port;
        c->peer = c->link;
    }
    return conn_client_enter(c);
}

int conn_proxy_step(struct conn *c, const char *p, size_t n)
{
    size_t before = buf_used(&c->in);
    struct proxy_header h;
    int used;

    if (c->state != CONN_HTTP)
        return EH_EINVAL; /* a drain: nothing that begins now is served */
    buf_add(&c->in, p, n < PROXY_MAX - before ? n : PROXY_MAX - before);
    used = proxy_parse(buf_str(&c->in), &h);
    if (used < 0)
        return refuse(c);
    if (used == 0)
        return 0;
    buf_done(&c->in);
    if (!believe(c, &h)) {
        c->closed_as = METRIC_CLOSED_SERVER;
        return EH_EINVAL;
    }
    return used - (int)before;
}
