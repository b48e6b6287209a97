#include "app/conn/authorize.h"

#include "base/clock.h"
#include "base/log.h"

int authorize_token(const struct conn *c, struct str token, struct auth **ret_auth,
                    const char **ret_why)
{
    const struct context *context = c->worker->context;

    if (context->config->disable_auth) {
        *ret_auth = c->worker->everybody;
        return EH_OK;
    }
    return auth_verify(token, &context->tokens, clock_wall_ms(), ret_auth, ret_why);
}

/* Finds the token of the request; empty if there is none, or if `auth` is not URL-encoded. */
static void find_token(const struct http_request *rq, struct buf *ret)
{
    struct str header = http_header(rq, STR("Authorization"));
    struct str param;

    if (header.p)
        buf_add_str(ret, auth_header_token(header));
    else if (http_query_param(rq->query, STR("auth"), &param) &&
             http_percent_decode(param, false, ret) < 0)
        buf_clear(ret);
}

static void refuse(const struct conn *c, const char *why)
{
    char peer[SOCK_ADDR_TEXT];

    sock_addr_format(&c->client.addr, peer);
    log_info("unauthorized", LOG_Z("peer", peer), LOG_Z("why", why));
    metrics_inc(c->worker->metrics, METRIC_REFUSED_AUTH);
}

int authorize_request(const struct conn *c, const struct http_request *rq, struct auth **ret_auth,
                      const char **ret_why)
{
    struct buf token = { 0 };
    int rc;

    find_token(rq, &token);
    rc = authorize_token(c, buf_str(&token), ret_auth, ret_why);
    buf_done(&token);
    if (rc < 0)
        refuse(c, *ret_why);
    return rc;
}
