#include "app/http/api_topics.h"

#include <jansson.h>
#include <stdlib.h>

#include "app/conn/pending.h"
#include "app/http/api_ask.h"
#include "app/http/api_call.h"
#include "app/rpc/params.h"
#include "broker/topic_page.h"
#include "hub/topic.h"
#include "proto/json.h"

_Static_assert(BROKER_LIST_TOPICS == 100, "as docs/control.md says");

/* ---- the answer ---- */

static json_t *name_json(const struct topic_name *name)
{
    return json_stringn(name->text, name->n);
}

/* Returns how many clients of all workers are subscribed to topic i. The numbers came through Redis
 * and may be any: the sum wraps. */
static json_int_t subscribers_of(const json_t *answers, size_t i)
{
    json_int_t sum = 0;

    for (size_t k = 0; k < json_array_size(answers); k++) {
        const json_t *counts = json_object_get(json_array_get(answers, k), "subscribers");

        (void)__builtin_add_overflow(sum, json_integer_value(json_array_get(counts, i)), &sum);
    }
    return sum;
}

/* `answers` are those of the workers. NULL: the page is empty, so the workers were not asked. */
static json_t *page_json(const struct topic_page *page, const json_t *answers)
{
    json_t *topics = json_array();
    json_t *result = json_pack("{s:o,s:b}", "topics", topics, "more", page->more);

    for (size_t i = 0; i < page->n; i++) {
        const struct topic_entry *entry = &page->items[i];
        char last[MSGID_TEXT];

        msgid_format(entry->last, last);
        (void)json_array_append_new(topics,
                                    json_pack("{s:o,s:I,s:s,s:I}", "topic", name_json(&entry->name),
                                              "length", (json_int_t)entry->length, "last_id", last,
                                              "subscribers", subscribers_of(answers, i)));
    }
    if (page->more)
        (void)json_object_set_new(result, "after", name_json(&page->after));
    return result;
}

static json_t *merge(const struct api_question *q, const json_t *answers)
{
    return page_json(q->extra, answers);
}

/* ---- asking ---- */

/* Asks for the subscribers of the topics. Takes the page. */
static void ask_subscribers(struct conn *c, struct topic_page *page)
{
    json_t *topics;

    if (page->n == 0) {
        api_ask_answer(c, page_json(page, NULL), true);
        free(page);
        return;
    }
    topics = json_array();
    for (size_t i = 0; i < page->n; i++)
        (void)json_array_append_new(topics, name_json(&page->items[i].name));
    api_ask(c, &(struct api_question){
                   .text = json_pack("{s:s,s:o}", "op", "subscribers", "topics", topics),
                   .merge = merge,
                   .extra = page,
               });
}

static void on_listed(struct pending *p, struct conn *c)
{
    struct topic_page *page = p->call.list.ret_page;

    if (!c || c->state != CONN_BUSY) { /* it is gone, or the drain has answered the request */
        free(page);
    } else if (p->call.status == BROKER_DONE) {
        ask_subscribers(c, page);
    } else {
        api_call_fail(c, 503, "the topics could not be read");
    }
}

static void list(struct conn *c, struct str match, struct str after, size_t limit)
{
    struct pending *p = pending_create(&(struct reply){ 0 }, match.n + after.n);

    p->done = on_listed;
    p->call.list.filter = pending_copy(p, match);
    p->call.list.after = pending_copy(p, after);
    p->call.list.limit = limit;
    http_later_wait(c);
    pending_start(p, c, BROKER_OP_LIST);
}

/* ---- the request ---- */

static const struct query_param known[] = { { "match", QUERY_STRING },
                                            { "after", QUERY_STRING },
                                            { "limit", QUERY_INTEGER },
                                            { NULL, QUERY_STRING } };

static int read_query(struct params *p, struct str *match, struct str *after, int64_t *limit)
{
    if (json_object_get(p->json, "match")) {
        EH_TRY(params_string(p, "match", match));
        if (!filter_is_valid(*match))
            return params_fail(p, JSONRPC_INVALID_PARAMS, "match must be a valid topic or pattern");
    }
    if (json_object_get(p->json, "after")) {
        EH_TRY(params_string(p, "after", after));
        if (!topic_is_valid(*after))
            return params_fail(p, JSONRPC_INVALID_PARAMS, "after must be a valid topic");
    }
    return params_integer(p, "limit", 1, BROKER_LIST_TOPICS, limit);
}

void api_topics_list(struct conn *c)
{
    struct api_call *call = container_of(c->later, struct api_call, later);
    json_auto_t *query = params_of_query(buf_str(&call->query), known);
    struct params params = { .json = query, .why = "the query must be URL-encoded UTF-8" };
    struct str match = STR("#"), after = STR("");
    int64_t limit = BROKER_LIST_TOPICS;

    if (!query || api_call_check_query(c, &params, known) < 0 ||
        read_query(&params, &match, &after, &limit) < 0) {
        api_call_fail(c, 400, params.why);
        return;
    }
    api_call_note(c, LOG_S("match", match));
    list(c, match, after, (size_t)limit);
}
