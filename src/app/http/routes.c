#include "app/http/routes.h"

#include "app/conn/key_store.h"
#include "app/http/http_answer.h"
#include "base/array.h"
#include "broker/broker.h"
#include "proto/json.h"
#include "proto/origin.h"

typedef void route_fn(struct conn *c, const struct http_request *rq);

static void send_json(struct conn *c, const struct http_request *rq, int status, struct str body)
{
    http_send(c, rq,
              &(struct http_answer){ .status = status,
                                     .type = "application/json",
                                     .body = body,
                                     .extra = STR("Cache-Control: no-store\r\n") });
}

static void route_healthz(struct conn *c, const struct http_request *rq)
{
    send_json(c, rq, 200, STR("{\"status\":\"ok\"}"));
}

static void send_not_ready(struct conn *c, const struct http_request *rq, const char *what,
                           const char *reason)
{
    struct buf why = { 0 }, body = { 0 };

    buf_addf(&why, "%s%s%s", what, reason[0] ? ": " : "", reason);
    buf_add_str(&body, STR("{\"error\":"));
    json_add_string(&body, buf_str(&why));
    buf_add_char(&body, '}');
    send_json(c, rq, 503, buf_str(&body));
    buf_done(&why);
    buf_done(&body);
}

static void route_readyz(struct conn *c, const struct http_request *rq)
{
    const struct context *ctx = c->worker->context;
    struct broker_health health;
    const char *why;

    if (atomic_load(&ctx->draining)) {
        send_not_ready(c, rq, "the server is draining", "");
    } else if (!broker_is_ready(ctx->broker)) {
        broker_get_health(ctx->broker, &health);
        send_not_ready(c, rq, "the broker is not ready", health.why);
    } else if (key_store_is_waiting(ctx->keys, &why)) {
        send_not_ready(c, rq, "the keys of tokens are not known yet", why);
    } else {
        send_json(c, rq, 200, STR("{\"status\":\"ok\"}"));
    }
}

static void route_metrics(struct conn *c, const struct http_request *rq)
{
    struct metrics_source source = c->worker->context->metrics;
    struct broker_health health;
    struct buf body = { 0 };
    struct str format;

    broker_get_health(c->worker->context->broker, &health);
    source.master = str_of(health.master);
    if (http_query_param(rq->query, STR("format"), &format) && str_eq(format, STR("json"))) {
        metrics_write_json(&source, &body);
        send_json(c, rq, 200, buf_str(&body));
    } else {
        metrics_write_prometheus(&source, &body);
        http_send(c, rq,
                  &(struct http_answer){ .status = 200,
                                         .type = "text/plain; version=0.0.4; charset=utf-8",
                                         .body = buf_str(&body) });
    }
    buf_done(&body);
}

static const struct route {
    const char *path;
    route_fn *fn; /* answers GET and HEAD */
} routes[] = {
    { "/healthz", route_healthz },
    { "/readyz", route_readyz },
    { "/metrics", route_metrics },
};

/* Finds the route of a path, with or without a slash at its end. */
static const struct route *find(struct str path)
{
    if (path.n && path.p[path.n - 1] == '/')
        path.n--;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (str_eq(path, str_of(routes[i].path)))
            return &routes[i];
    }
    return NULL;
}

bool routes_are_served(const struct conn *c)
{
    return c->client.is_internal || !c->worker->context->has_internal_listener;
}

bool routes_handle(struct conn *c, const struct http_request *rq)
{
    const struct route *route = routes_are_served(c) ? find(rq->path) : NULL;
    struct buf extra = { 0 };

    /* a browser asks before it lets a page send its request */
    if (str_eq(rq->method, STR("OPTIONS"))) {
        origin_add_preflight(rq, &extra);
        http_send(c, rq, &(struct http_answer){ .status = 204, .extra = buf_str(&extra) });
        buf_done(&extra);
        return true;
    }
    if (!route)
        return false;
    if (http_reads(rq))
        route->fn(c, rq);
    else
        http_send_error(c, rq, 405, "method not allowed", STR("Allow: GET, HEAD, OPTIONS\r\n"));
    return true;
}
