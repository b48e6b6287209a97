#include "app/http/http_post.h"

#include <inttypes.h>
#include <stdlib.h>

#include "app/conn/authorize.h"
#include "app/http/http_answer.h"
#include "app/http/http_later.h"
#include "app/http/http_topic.h"
#include "app/rpc/publish.h"
#include "base/mem.h"
#include "hub/topic.h"
#include "proto/utf8.h"

#define NOT_PUBLISHED "not published"

/* One POST, from its head to its answer. Its rights are conn->auth. */
struct http_post {
    struct http_later later;
    struct publish publish;
    char topic[TOPIC_MAX];
    char key[BROKER_KEY_MAX];
};

/* ---- the answer ---- */

static void on_published(struct pending *p, struct conn *c)
{
    const char *failure = publish_failure(p);
    struct buf body = { 0 }, extra = { 0 };

    if (!c || c->state != CONN_BUSY)
        return; /* the connection is gone, or the drain has answered the request */
    if (failure) {
        http_later_fail(c, 503, failure);
    } else if (p->call.status == BROKER_LIMITED) { /* the broker has counted the refusal */
        http_add_error(&body, "the token's rate limit is exceeded");
        buf_addf(&extra,
                 "Access-Control-Expose-Headers: Retry-After\r\n"
                 "Retry-After: %" PRIu64 "\r\n",
                 (p->call.publish.ret_retry_ms + 999) / 1000);
        http_later_answer(c, 429, buf_str(&body), buf_str(&extra));
    } else {
        publish_result(p, &body);
        http_later_answer(c, 200, buf_str(&body), STR(""));
    }
    buf_done(&body);
    buf_done(&extra);
}

/* ---- the body ---- */

static void on_body(struct conn *c)
{
    struct http_post *post = container_of(c->later, struct http_post, later);
    const char *fault = authorize_again(c);
    struct params params = { 0 };
    struct pending *p;

    if (fault) {
        authorize_log_refusal(c, fault);
        http_later_fail(c, 401, fault);
        return;
    }
    if (buf_used(&c->message) == 0) {
        http_later_fail(c, 400, "the body must not be empty");
        return;
    }
    if (!utf8_is_valid(buf_str(&c->message))) {
        http_later_fail(c, 400, "the body must be UTF-8");
        return;
    }
    post->publish.message = buf_str(&c->message);
    if (publish_apply_settings(&params, c, &post->publish) < 0) {
        http_later_fail(c, 413, params.why);
        return;
    }
    p = publish_create(c, &post->publish, &(struct reply){ 0 });
    p->done = on_published;
    http_later_wait(c);
    buf_done(&c->message);
    pending_start(p, c, BROKER_OP_PUBLISH);
}

static void forget(struct http_later *later)
{
    free(container_of(later, struct http_post, later));
}

static const struct http_later_kind kind = {
    .on_body = on_body,
    .forget = forget,
    .not_done = NOT_PUBLISHED,
};

/* ---- the head ---- */

static void begin(struct conn *c, const struct http_request *rq, const struct publish *publish)
{
    struct http_post *post = mem_zalloc(sizeof(*post));

    post->publish = *publish;
    post->publish.topic.p = memcpy(post->topic, publish->topic.p, publish->topic.n);
    if (publish->key.n)
        post->publish.key.p = memcpy(post->key, publish->key.p, publish->key.n);
    post->later.kind = &kind;
    http_later_begin(c, rq, &post->later);
}

static void refuse_head(struct conn *c, const struct http_request *rq, int status, const char *why)
{
    conn_forget_auth(c);
    http_topic_refuse(c, rq, status, why);
}

static const struct query_param known[] = { { "ttl", QUERY_INTEGER },
                                            { "timestamp", QUERY_NUMBER },
                                            { "key", QUERY_STRING },
                                            { NULL, QUERY_STRING } };

static void read_head(struct conn *c, const struct http_request *rq, struct str topic)
{
    struct publish publish = { .topic = topic };
    json_auto_t *query = params_of_query(rq->query, known);
    struct params params = { .json = query };
    struct str rest = rq->query, name;
    const char *why;
    int status;

    for (int n = 0; n < HTTP_TOPIC_UNKNOWN_MAX && params_cut_unknown(&rest, known, &name); n++)
        http_topic_log_unknown(c, name);
    if (!query)
        refuse_head(c, rq, 400, "the query must be URL-encoded UTF-8");
    else if (publish_read_options(&params, &publish) < 0)
        refuse_head(c, rq, 400, params.why);
    else if ((status = http_later_refusal(c, rq, &why)))
        refuse_head(c, rq, status, why ? why : NOT_PUBLISHED);
    else
        begin(c, rq, &publish);
}

void http_post_handle(struct conn *c, const struct http_request *rq)
{
    struct http_topics topics;
    const char *why;
    int rc;

    buf_init(&topics.text);
    rc = http_topic_open(c, rq, AUTH_WRITE, &topics, &why);
    if (rc == EH_OK)
        read_head(c, rq, topics.at[0]);
    else if (rc == EH_ENOENT)
        http_send_unauthorized(c, rq, rc, why);
    http_topics_done(&topics);
}
