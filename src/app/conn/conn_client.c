/* conn_client.c - whose connection it is, and whether that client may have another one
 * (MAX_CONNECTIONS_PER_IP). Known from the socket, else from the PROXY header, else from each
 * request that a trusted proxy passes on; the proxies themselves are not counted.
 */
#include <string.h>

#include "app/conn/conn.h"
#include "app/conn/forwarded.h"
#include "base/log.h"
#include "net/per_ip.h"

static bool is_countable(const struct conn *c)
{
    const struct context *ctx = c->worker->context;

    return ctx->per_ip && !c->listener->is_internal &&
           !cidr_list_has(&ctx->config->trusted_proxies, &c->peer);
}

bool conn_client_enter(struct conn *c)
{
    char peer[SOCK_ADDR_TEXT];

    if (c->is_counted || !is_countable(c))
        return true;
    c->is_counted = per_ip_enter(c->worker->context->per_ip, &c->peer);
    if (c->is_counted)
        return true;
    metrics_inc(c->worker->metrics, METRIC_REFUSED_PER_IP);
    sock_addr_format(&c->peer, peer);
    log_debug("too_many_of_ip", LOG_Z("peer", peer));
    return false;
}

void conn_client_leave(struct conn *c)
{
    if (c->is_counted)
        per_ip_leave(c->worker->context->per_ip, &c->peer);
    c->is_counted = false;
}

void conn_client_of_request(struct conn *c, const struct http_request *rq)
{
    struct sock_addr client = c->link;

    forwarded_find(&c->worker->context->config->trusted_proxies, rq, &client);
    if (memcmp(client.ip, c->peer.ip, sizeof(client.ip)) != 0)
        conn_client_leave(c);
    c->peer = client;
}

void conn_client_is_idle(struct conn *c)
{
    if (cidr_list_has(&c->worker->context->config->trusted_proxies, &c->link))
        conn_client_leave(c);
}
