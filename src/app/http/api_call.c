#include "app/http/api_call.h"

#include <jansson.h>

#include "app/rpc/params.h"

#define FLAGS (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)

_Static_assert(API_BODY_MAX == 4096, "as the text says");

static const struct api_endpoint *endpoint_of(const struct conn *c)
{
    return container_of(c->later, struct api_call, later)->endpoint;
}

void api_call_note(const struct conn *c, struct log_field what)
{
    char peer[SOCK_ADDR_TEXT];

    sock_addr_format(&c->client.addr, peer);
    log_info("control", LOG_Z("op", endpoint_of(c)->name), LOG_Z("peer", peer),
             LOG_S("sub", auth_sub(c->auth)), what);
    metrics_inc(c->worker->metrics, METRIC_CONTROL);
}

void api_log_refusal(const struct conn *c, const struct api_endpoint *endpoint, int status,
                     const char *why)
{
    char peer[SOCK_ADDR_TEXT];

    sock_addr_format(&c->client.addr, peer);
    log_info("control_refused", LOG_Z("op", endpoint ? endpoint->name : "unknown"),
             LOG_Z("peer", peer), LOG_S("sub", c->auth ? auth_sub(c->auth) : STR("")),
             LOG_N("status", status), LOG_Z("why", why));
}

void api_call_answer(struct conn *c, struct str json)
{
    http_later_answer(c, 200, json, STR("Cache-Control: no-store\r\n"));
}

void api_call_fail(struct conn *c, int status, const char *why)
{
    api_log_refusal(c, endpoint_of(c), status, why);
    http_later_fail(c, status, why);
}

bool api_call_read_body(struct conn *c, json_t **ret_body)
{
    struct str text = buf_str(&c->message);
    json_t *body;

    *ret_body = NULL;
    if (text.n > API_BODY_MAX) {
        api_call_fail(c, 413, "the body may have at most 4096 bytes");
        return false;
    }
    body = json_loadb(text.p, text.n, FLAGS, NULL);
    if (json_is_object(body))
        *ret_body = json_incref(body);
    json_decref(body);
    return true;
}

int api_call_check_members(struct params *p, const char *const *names)
{
    size_t n = 0;

    for (; *names; names++)
        n += json_object_get(p->json, *names) != NULL;
    if (n == json_object_size(p->json))
        return EH_OK;
    return params_fail(p, JSONRPC_INVALID_PARAMS, "the body has an unknown member");
}

int api_call_check_query(const struct conn *c, struct params *p, const struct query_param *known)
{
    const struct api_call *call = container_of(c->later, struct api_call, later);
    struct str rest = buf_str(&call->query), name;

    if (!params_cut_unknown(&rest, known, &name))
        return EH_OK;
    return params_fail(p, JSONRPC_INVALID_PARAMS, "the query has an unknown parameter");
}
