/* api_publish.c - the array of messages is split without building its tree, because the tree of an
 * array of a megabyte can take a hundred. So its bounds and its shape are known, and the request is
 * refused as a whole, before the first message is published. Then one message after another is read
 * and handed to the broker, or gets the answer that says what is wrong with it.
 *
 *     [m0, m1, m2] arrives                 n_open = 1 (the walk itself)
 *     m0 goes to the broker                n_open = 2
 *     m1 has no topic                      results[1] = invalid
 *     m2 goes to the broker                n_open = 3
 *     the walk ends                        n_open = 2
 *     the answers come, in any order       n_open = 0: the results are sent, in the array's order
 *
 * The results outlive the connection: calls to the broker cannot be taken back.
 */
#include "app/http/api_publish.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "app/http/api_call.h"
#include "app/rpc/publish.h"
#include "base/mem.h"
#include "proto/json.h"
#include "proto/json_objects.h"

#define FLAGS (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)

struct result {
    struct results *all;
    struct buf json;
};

struct results {
    struct worker *worker;
    struct conn_ref conn;
    size_t n_open; /* messages without an answer, and one during the walk */
    size_t n;
    struct result items[];
};

/* ---- the answer ---- */

static void let_go(struct results *all)
{
    struct conn *c = conn_table_find(&all->worker->conns, all->conn);
    struct buf json = { 0 };

    if (--all->n_open)
        return;
    buf_add_str(&json, STR("{\"results\":["));
    for (size_t i = 0; i < all->n; i++) {
        buf_add_str(&json, i ? STR(",") : STR(""));
        buf_add_str(&json, buf_str(&all->items[i].json));
        buf_done(&all->items[i].json);
    }
    buf_add_str(&json, STR("]}"));
    if (c && c->state == CONN_BUSY) /* else it is gone, or the drain has answered the request */
        api_call_answer(c, buf_str(&json));
    buf_done(&json);
    free(all);
}

static void add_failure(struct result *r, const char *status, const char *why)
{
    buf_addf(&r->json, "{\"status\":\"%s\",\"error\":", status);
    json_add_string(&r->json, str_of(why));
    buf_add_char(&r->json, '}');
}

static void add_id(struct result *r, struct msgid id)
{
    char text[MSGID_TEXT];

    buf_add_str(&r->json, STR("{\"status\":\"ok\",\"id\":\""));
    buf_add(&r->json, text, msgid_format(id, text));
    buf_add_str(&r->json, STR("\"}"));
}

static void on_published(struct pending *p, struct conn *c)
{
    const struct broker_publish *pub = &p->call.publish;
    struct result *r = p->owner;
    struct worker *w = r->all->worker;

    (void)c;
    switch (p->call.status) {
    case BROKER_DONE: add_id(r, pub->ret_id); break;
    case BROKER_LIMITED: /* the broker has counted the refusal */
        buf_addf(&r->json,
                 "{\"status\":\"rate_limited\",\"error\":\"the token's rate limit is exceeded\","
                 "\"retry_after_ms\":%" PRIu64 "}",
                 pub->ret_retry_ms);
        break;
    default:
        metrics_inc(w->metrics, METRIC_REFUSED_BROKER);
        add_failure(r, p->call.status == BROKER_UNKNOWN ? "unknown" : "not_published",
                    publish_failure(p));
    }
    let_go(r->all);
}

/* ---- one message ---- */

static int read_message(struct params *p, const struct conn *c, struct publish *ret)
{
    EH_TRY(params_string(p, "topic", &ret->topic));
    EH_TRY(params_check_topic(p, ret->topic, false));
    EH_TRY(params_string(p, "message", &ret->message));
    if (ret->message.n == 0)
        return params_fail(p, JSONRPC_INVALID_PARAMS, "message must not be empty");
    EH_TRY(publish_read_options(p, ret));
    return publish_apply_settings(p, c, ret);
}

static void publish(struct conn *c, struct str text, struct result *r)
{
    json_auto_t *json = json_loadb(text.p, text.n, FLAGS, NULL);
    struct params params = { .json = json };
    struct publish pub = { 0 };
    struct pending *p;

    if (!json || read_message(&params, c, &pub) < 0) {
        metrics_inc(c->worker->metrics, METRIC_REFUSED_PARAMS);
        add_failure(r, "invalid",
                    json ? params.why
                         : "the message has a repeated name, a number out of range or half of a "
                           "surrogate pair");
        return;
    }
    p = publish_create(c, &pub, &(struct reply){ 0 });
    p->owner = r;
    p->done = on_published;
    r->all->n_open++;
    pending_start(p, c, BROKER_OP_PUBLISH);
}

/* ---- the array ---- */

static const struct {
    int status;
    const char *why;
} refusals[] = {
    [JSON_OBJECTS_NOT_UTF8] = { 400, "the body must be UTF-8" },
    [JSON_OBJECTS_NOT_ARRAY] = { 400, "the body must be a JSON array of messages" },
    [JSON_OBJECTS_NOT_FLAT] = { 400,
                                "a message must be an object without arrays and objects in it" },
    [JSON_OBJECTS_TOO_MANY] = { 413, "the array may have at most 1000 messages" },
};

_Static_assert(API_PUBLISH_MAX == 1000, "as the text says");

void api_publish_run(struct conn *c)
{
    struct buf body = c->message; /* the texts of the messages are views of it */
    struct str messages[API_PUBLISH_MAX];
    struct results *all;
    size_t n;
    enum json_objects rc = json_objects_split(buf_str(&body), messages, API_PUBLISH_MAX, &n);

    if (rc != JSON_OBJECTS_OK) {
        api_call_fail(c, refusals[rc].status, refusals[rc].why);
        return;
    }
    c->message = (struct buf){ 0 };
    http_later_wait(c);
    api_call_note(c, LOG_N("messages", n));
    all = mem_zalloc(sizeof(*all) + n * sizeof(all->items[0]));
    *all = (struct results){ .worker = c->worker, .conn = c->ref, .n = n, .n_open = 1 };
    for (size_t i = 0; i < n; i++) {
        all->items[i].all = all;
        publish(c, messages[i], &all->items[i]);
    }
    buf_done(&body);
    let_go(all);
}
