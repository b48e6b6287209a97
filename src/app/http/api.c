#include "app/http/api.h"

#include <stdlib.h>
#include <string.h>

#include "app/conn/authorize.h"
#include "app/http/api_call.h"
#include "app/http/api_cluster.h"
#include "app/http/api_log.h"
#include "app/http/api_publish.h"
#include "app/http/api_revoke.h"
#include "app/http/api_topics.h"
#include "app/http/http_answer.h"
#include "app/http/http_topic.h"
#include "app/http/routes.h"
#include "base/array.h"
#include "base/ip.h"
#include "base/mem.h"

static const struct api_endpoint endpoints[] = {
    { "nodes", "/api/nodes", "GET", AUTH_ADMIN_CLIENTS, api_cluster_nodes },
    { "clients", "/api/clients", "GET", AUTH_ADMIN_CLIENTS, api_cluster_clients },
    { "topics", "/api/topics", "GET", AUTH_ADMIN_LOG, api_topics_list },
    { "disconnect", "/api/disconnect", "POST", AUTH_ADMIN_CLIENTS, api_cluster_disconnect },
    { "publish", "/api/publish", "POST", AUTH_ADMIN_PUBLISH, api_publish_run },
    { "revoke", "/api/revoke", "POST", AUTH_ADMIN_TOKENS, api_revoke_run },
    { "purge", "/api/log/", "DELETE", AUTH_ADMIN_LOG, api_log_purge },
};

/* ---- rights ---- */

static bool is_loopback(const struct sock_addr *addr)
{
    static const uint8_t v6[16] = { [15] = 1 };

    if (ip_is_v4(addr->ip))
        return addr->ip[IP_V4_PREFIX] == 127;
    return memcmp(addr->ip, v6, sizeof(v6)) == 0;
}

/* Reports whether Host names this machine by an address or as localhost. A name of its own can lead
 * a page of somebody else here (DNS rebinding), whose GET has no Origin. */
static bool is_own_host(struct str host)
{
    struct sock_addr addr;

    return str_eq(host, STR("localhost")) || str_starts_with(host, STR("localhost:")) ||
           sock_addr_parse(host, &addr) == EH_OK;
}

/* Reports whether a program on this machine made the request itself. A page in a browser that runs
 * here, or a proxy, also comes from loopback, on behalf of somebody else; it adds one of these
 * fields. */
static bool is_local(const struct conn *c, const struct http_request *rq)
{
    static const char *const for_others[] = { "Origin",    "Sec-Fetch-Site", "X-Forwarded-For",
                                              "X-Real-IP", "Forwarded",      "Via" };

    for (size_t i = 0; i < ARRAY_LEN(for_others); i++) {
        if (http_header(rq, str_of(for_others[i])).p)
            return false;
    }
    return is_loopback(&c->client.link) && is_loopback(&c->client.addr) &&
           is_own_host(http_header(rq, STR("Host")));
}

/* Finds the rights, which c->auth then holds, and checks them. Returns 0, or the status of the
 * refusal. */
static int check_rights(struct conn *c, const struct http_request *rq, enum auth_admin right,
                        char *why, size_t size)
{
    struct str token = auth_header_token(http_header(rq, STR("Authorization")));
    const char *fault = "there is no token: the Authorization header must be Bearer TOKEN";
    bool is_open = c->worker->context->config->disable_auth;
    int rc = EH_EINVAL;

    if (is_open && !is_local(c, rq)) {
        (void)snprintf(why, size,
                       "with DISABLE_AUTH only programs on the server's own machine may use /api/");
        return 403;
    }
    if (is_open || token.n)
        rc = authorize_token(c, token, &c->auth, &fault);
    if (rc < 0) {
        (void)snprintf(why, size, "%s", fault);
        metrics_inc(c->worker->metrics, authorize_refusal(rc, fault));
        return rc == EH_ENOENT ? 503 : 401;
    }
    if (auth_administers(c->auth, right))
        return 0;
    (void)snprintf(why, size, "the token's claim admin must list \"%s\"", auth_admin_name(right));
    return 403;
}

/* ---- the head ---- */

static void refuse(struct conn *c, const struct http_request *rq,
                   const struct api_endpoint *endpoint, int status, const char *why)
{
    bool has_no_keys = status == 503 && !c->auth; /* check_rights has counted it, and each 401 */
    struct buf extra = { 0 };

    if (status == 401)
        buf_add_str(&extra, STR(HTTP_CHALLENGE));
    else if (status == 405)
        buf_addf(&extra, "Allow: %s\r\n", endpoint->method);
    else if (has_no_keys)
        buf_add_str(&extra, STR("Retry-After: 2\r\n"));
    api_log_refusal(c, endpoint, status, why);
    if (status != 401 && !has_no_keys)
        http_topic_count(c, status);
    conn_forget_auth(c);
    http_send_error(c, rq, status, why, buf_str(&extra));
    buf_done(&extra);
}

/* The body may have come long after the head, whose token was good. */
static void run(struct conn *c)
{
    const char *fault = authorize_again(c);

    if (fault)
        api_call_fail(c, 401, fault);
    else
        container_of(c->later, struct api_call, later)->endpoint->run(c);
}

static void forget(struct http_later *later)
{
    struct api_call *call = container_of(later, struct api_call, later);

    buf_done(&call->query);
    buf_done(&call->rest);
    free(call);
}

static const struct http_later_kind kind = {
    .on_body = run,
    .forget = forget,
    .not_done = API_NOT_DONE,
};

static void begin(struct conn *c, const struct http_request *rq,
                  const struct api_endpoint *endpoint)
{
    struct api_call *call = mem_zalloc(sizeof(*call));

    call->endpoint = endpoint;
    call->later.kind = &kind;
    buf_add_str(&call->query, rq->query);
    buf_add_str(&call->rest, str_skip(rq->path, strlen(endpoint->path)));
    http_later_begin(c, rq, &call->later);
}

static const struct api_endpoint *find(struct str path)
{
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        struct str own = str_of(endpoints[i].path);
        bool takes_more = own.p[own.n - 1] == '/';

        if (takes_more ? str_starts_with(path, own) : str_eq(path, own))
            return &endpoints[i];
    }
    return NULL;
}

static void handle(struct conn *c, const struct http_request *rq)
{
    const struct api_endpoint *endpoint = find(rq->path);
    const char *fault;
    char why[120];
    int status;

    if (!endpoint)
        refuse(c, rq, NULL, 404, "not found");
    else if (!str_eq(rq->method, str_of(endpoint->method)))
        refuse(c, rq, endpoint, 405, "method not allowed");
    else if ((status = check_rights(c, rq, endpoint->right, why, sizeof(why))))
        refuse(c, rq, endpoint, status, why);
    else if ((status = http_later_refusal(c, rq, &fault)))
        refuse(c, rq, endpoint, status, fault ? fault : API_NOT_DONE);
    else
        begin(c, rq, endpoint);
}

bool api_handle(struct conn *c, const struct http_request *rq)
{
    static const char why[] = "too many connections from this address";

    if (!c->worker->context->config->enable_api || !routes_are_served(c) ||
        !str_starts_with(rq->path, STR("/api/")))
        return false;
    if (conn_client_enter(&c->client, c->worker))
        handle(c, rq);
    else
        http_send_error(c, rq, 429, why, STR(""));
    return true;
}
