#include "app/http/api_cluster.h"

#include <jansson.h>
#include <stdlib.h>

#include "app/http/api_ask.h"
#include "app/http/api_call.h"
#include "app/http/api_worker.h"
#include "app/rpc/publish.h"
#include "base/mem.h"
#include "hub/topic.h"
#include "proto/json.h"

_Static_assert(API_CLIENTS_MAX == 100, "as docs/control.md says");
_Static_assert(AUTH_SUB_MAX == 256, "as the text says");
_Static_assert(API_REASON_MAX == 100, "as the text says");

/* ---- nodes ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

/* Adds a number, which came through Redis and may be any: the sum wraps. */
static void add_number(json_t *sum, const json_t *part, const char *name)
{
    json_int_t n;

    (void)__builtin_add_overflow(json_integer_value(json_object_get(sum, name)),
                                 json_integer_value(json_object_get(part, name)), &n);
    (void)json_object_set_new(sum, name, json_integer(n));
}

/* Sums the workers of each node. `by_node` keeps them apart. */
static json_t *merge_nodes(const struct api_question *q, const json_t *answers)
{
    json_auto_t *by_node = json_object();
    json_t *nodes = json_array();
    json_t *sum;
    const char *name;

    (void)q;
    for (size_t i = 0; i < json_array_size(answers); i++) {
        const json_t *part = json_array_get(answers, i);

        name = text_of(part, "node");
        sum = json_object_get(by_node, name);
        if (!sum) {
            sum = json_pack("{s:s,s:s,s:s,s:I,s:i,s:i,s:i}", "node", name, "host",
                            text_of(part, "host"), "version", text_of(part, "version"), "started",
                            json_integer_value(json_object_get(part, "started")), "workers", 0,
                            "connections", 0, "subscriptions", 0);
            (void)json_object_set_new(by_node, name, sum);
        }
        (void)json_object_set_new(
            sum, "workers", json_integer(json_integer_value(json_object_get(sum, "workers")) + 1));
        add_number(sum, part, "connections");
        add_number(sum, part, "subscriptions");
    }
    json_object_foreach(by_node, name, sum)(void) json_array_append(nodes, sum);
    return json_pack("{s:o}", "nodes", nodes);
}

void api_cluster_nodes(struct conn *c)
{
    api_call_note(c, LOG_END);
    api_ask(c, &(struct api_question){ .text = json_pack("{s:s}", "op", "nodes"),
                                       .merge = merge_nodes });
}

/* ---- clients ---- */

static int compare_ids(const void *a, const void *b)
{
    return strcmp(text_of(*(const json_t *const *)a, "id"),
                  text_of(*(const json_t *const *)b, "id"));
}

static size_t count_clients(const json_t *answers)
{
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(answers); i++)
        n += json_array_size(json_object_get(json_array_get(answers, i), "clients"));
    return n;
}

/* Every worker sent its first clients in the order of their ids, at most as many as a page has. So
 * the first of all are the page, whatever the workers have left. */
static json_t *merge_clients(const struct api_question *q, const json_t *answers)
{
    json_t **all = mem_zalloc((count_clients(answers) + 1) * sizeof(json_t *));
    json_t *clients = json_array();
    bool more = false;
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(answers); i++) {
        const json_t *part = json_array_get(answers, i);
        const json_t *some = json_object_get(part, "clients");

        more = more || json_is_true(json_object_get(part, "more"));
        for (size_t k = 0; k < json_array_size(some); k++)
            all[n++] = json_array_get(some, k);
    }
    qsort(all, n, sizeof(json_t *), compare_ids);
    for (size_t i = 0; i < n && i < q->limit; i++)
        (void)json_array_append(clients, all[i]);
    more = more || n > q->limit;
    free(all);
    return json_pack("{s:o,s:b}", "clients", clients, "more", more);
}

static const struct query_param known[] = { { "sub", QUERY_STRING },
                                            { "topic", QUERY_STRING },
                                            { "after", QUERY_STRING },
                                            { "limit", QUERY_INTEGER },
                                            { NULL, QUERY_STRING } };

static int read_sub(struct params *p)
{
    struct str sub;

    EH_TRY(params_string(p, "sub", &sub));
    if (sub.n == 0 || sub.n > AUTH_SUB_MAX)
        return params_fail(p, JSONRPC_INVALID_PARAMS, "sub must be 1 to 256 bytes long");
    return EH_OK;
}

static int read_query(struct params *p, int64_t *limit)
{
    struct str text;

    if (json_object_get(p->json, "sub"))
        EH_TRY(read_sub(p));
    if (json_object_get(p->json, "topic")) {
        EH_TRY(params_string(p, "topic", &text));
        if (!filter_is_valid(text))
            return params_fail(p, JSONRPC_INVALID_PARAMS, "topic must be a valid topic or pattern");
    }
    if (json_object_get(p->json, "after")) {
        EH_TRY(params_string(p, "after", &text));
        if (!api_client_id_is_valid(text))
            return params_fail(p, JSONRPC_INVALID_PARAMS, "after must be the id of a client");
    }
    return params_integer(p, "limit", 1, API_CLIENTS_MAX, limit);
}

void api_cluster_clients(struct conn *c)
{
    struct api_call *call = container_of(c->later, struct api_call, later);
    json_t *query = params_of_query(buf_str(&call->query), known);
    struct params params = { .json = query, .why = "the query must be URL-encoded UTF-8" };
    int64_t limit = API_CLIENTS_MAX;

    if (!query || api_call_check_query(c, &params, known) < 0 || read_query(&params, &limit) < 0) {
        json_decref(query);
        api_call_fail(c, 400, params.why);
        return;
    }
    api_call_note(c, LOG_S("target", json_text(json_object_get(query, "sub"))));
    (void)json_object_set_new(query, "op", json_string("clients"));
    (void)json_object_set_new(query, "limit", json_integer(limit));
    api_ask(
        c, &(struct api_question){ .text = query, .limit = (size_t)limit, .merge = merge_clients });
}

/* ---- disconnect ---- */

json_t *api_cluster_disconnected(const struct api_question *q, const json_t *answers)
{
    json_t *sum = json_pack("{s:i}", "disconnected", 0);

    (void)q;
    for (size_t i = 0; i < json_array_size(answers); i++)
        add_number(sum, json_array_get(answers, i), "disconnected");
    return sum;
}

static const char *const members[] = { "client", "sub", "reason", NULL };

static int read_target(struct params *p)
{
    bool has_client = json_object_get(p->json, "client") != NULL;
    struct str id, reason;

    if (has_client == (json_object_get(p->json, "sub") != NULL))
        return params_fail(p, JSONRPC_INVALID_PARAMS,
                           "the body must be a JSON object with either client or sub");
    EH_TRY(api_call_check_members(p, members));
    if (has_client) {
        EH_TRY(params_string(p, "client", &id));
        if (!api_client_id_is_valid(id))
            return params_fail(p, JSONRPC_INVALID_PARAMS, "client must be the id of a client");
    } else {
        EH_TRY(read_sub(p));
    }
    if (!json_object_get(p->json, "reason"))
        return EH_OK;
    EH_TRY(params_string(p, "reason", &reason));
    if (reason.n > API_REASON_MAX || memchr(reason.p, '\0', reason.n))
        return params_fail(p, JSONRPC_INVALID_PARAMS,
                           "reason must have at most 100 bytes, none of them 0");
    return EH_OK;
}

/* Returns the question for a valid body. */
static json_t *disconnect_question(const json_t *body)
{
    static const char *const names[] = { "client", "sub", "reason" };
    json_t *question =
        json_pack("{s:s,s:s}", "op", "disconnect", "reason", "disconnected by the operator");

    for (size_t i = 0; i < 3; i++) {
        if (json_object_get(body, names[i]))
            (void)json_object_set(question, names[i], json_object_get(body, names[i]));
    }
    return question;
}

void api_cluster_disconnect(struct conn *c)
{
    json_auto_t *body = NULL;
    struct params params = { .json = NULL };
    struct str id;

    if (!api_call_read_body(c, &body))
        return;
    params.json = body;
    id = json_text(json_object_get(body, "client"));
    if (read_target(&params) < 0) {
        api_call_fail(c, 400, params.why);
        return;
    }
    api_call_note(c, id.p ? LOG_S("client", id)
                          : LOG_S("target", json_text(json_object_get(body, "sub"))));
    api_ask(c, &(struct api_question){ .text = disconnect_question(body),
                                       .merge = api_cluster_disconnected });
}
