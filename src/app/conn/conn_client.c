#include "app/conn/conn_client.h"

#include <string.h>

#include "app/conn/worker_state.h"
#include "base/log.h"
#include "net/cidr.h"
#include "net/per_ip.h"
#include "proto/http.h"
#include "proto/proxy.h"

/* ---- the limit for each address ---- */

bool conn_client_is_proxy(const struct cidr_list *trusted, const struct sock_addr *addr)
{
    return sock_addr_is_none(addr) || cidr_list_has(trusted, addr);
}

static bool is_countable(const struct conn_client *cl, const struct context *ctx)
{
    return ctx->per_ip && !cl->is_internal &&
           !conn_client_is_proxy(&ctx->config->trusted_proxies, &cl->addr);
}

bool conn_client_enter(struct conn_client *cl, struct worker *w)
{
    char peer[SOCK_ADDR_TEXT];

    if (cl->is_counted || !is_countable(cl, w->context))
        return true;
    cl->is_counted = per_ip_enter(w->context->per_ip, &cl->addr);
    if (cl->is_counted)
        return true;
    metrics_inc(w->metrics, METRIC_REFUSED_PER_IP);
    sock_addr_format(&cl->addr, peer);
    log_debug("too_many_of_ip", LOG_Z("peer", peer));
    return false;
}

void conn_client_leave(struct conn_client *cl, struct worker *w)
{
    if (cl->is_counted)
        per_ip_leave(w->context->per_ip, &cl->addr);
    cl->is_counted = false;
}

/* ---- the PROXY header ---- */

static void refuse_proxy(const struct conn_client *cl, struct worker *w)
{
    char peer[SOCK_ADDR_TEXT];

    sock_addr_format(&cl->link, peer);
    log_debug("proxy_header_refused", LOG_Z("peer", peer));
    metrics_inc(w->metrics, METRIC_REFUSED_PROXY);
}

/* Ignores the address ::, which no client has, and which would mean the peer of a Unix socket. */
static void take_source(struct conn_client *cl, const struct proxy_header *h)
{
    struct sock_addr source = { .port = h->port };

    memcpy(source.ip, h->ip, sizeof(source.ip));
    if (!sock_addr_is_none(&source))
        cl->addr = cl->link = source;
}

int conn_client_read_proxy(struct conn_client *cl, struct worker *w, struct str in)
{
    struct proxy_header h;
    int used = proxy_parse(in, &h);

    if (used < 0) {
        refuse_proxy(cl, w);
        return EH_EINVAL;
    }
    if (used == 0)
        return 0;
    if (h.has_source)
        take_source(cl, &h);
    return conn_client_enter(cl, w) ? used : EH_ELIMIT;
}

/* ---- X-Forwarded-For ---- */

/* Cuts the last entry off the list and returns it. */
static struct str cut_last(struct str *list)
{
    const char *comma = list->n ? memrchr(list->p, ',', list->n) : NULL;
    size_t n = comma ? (size_t)(comma - list->p) : 0;
    struct str last = str_skip(*list, comma ? n + 1 : 0);

    *list = comma ? str_make(list->p, n) : (struct str){ NULL, 0 };
    return str_trim(last);
}

/* Follows one line of the field from right to left. False: the search is over, because *addr is not
 * a trusted proxy, or because the next entry is not an address and nothing before it can be
 * believed. */
static bool follow(const struct cidr_list *trusted, struct str line, struct sock_addr *addr)
{
    while (line.p) {
        struct sock_addr before;

        if (!conn_client_is_proxy(trusted, addr) || sock_addr_parse(cut_last(&line), &before) < 0 ||
            sock_addr_is_none(&before))
            return false;
        *addr = before;
    }
    return true;
}

void forwarded_find(const struct cidr_list *trusted, const struct http_request *rq,
                    struct sock_addr *addr)
{
    if (!conn_client_is_proxy(trusted, addr))
        return;
    for (size_t i = rq->n_headers; i > 0; i--) {
        const struct http_header *h = &rq->headers[i - 1];

        if (str_eq_nocase(h->name, STR("X-Forwarded-For")) && !follow(trusted, h->value, addr))
            return;
    }
}

void conn_client_of_request(struct conn_client *cl, struct worker *w, const struct http_request *rq)
{
    struct sock_addr client = cl->link;

    forwarded_find(&w->context->config->trusted_proxies, rq, &client);
    if (memcmp(client.ip, cl->addr.ip, sizeof(client.ip)) != 0)
        conn_client_leave(cl, w);
    cl->addr = client;
}

void conn_client_is_idle(struct conn_client *cl, struct worker *w)
{
    if (conn_client_is_proxy(&w->context->config->trusted_proxies, &cl->link))
        conn_client_leave(cl, w);
}
