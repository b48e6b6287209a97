#include "app/http/http_post.h"

#include <inttypes.h>
#include <stdlib.h>

#include "app/conn/conn_input.h"
#include "app/http/http_answer.h"
#include "app/http/http_topic.h"
#include "app/rpc/publish.h"
#include "base/mem.h"
#include "hub/topic.h"
#include "proto/http_chunked.h"
#include "proto/utf8.h"

/* One POST, from its head to its answer. Its body is collected in conn->message, and its rights are
 * conn->auth. */
struct http_post {
    const struct conn_protocol *before; /* HTTP, to which the connection returns */
    struct publish publish;
    bool keep_alive;
    bool chunked;
    uint64_t left; /* bytes to come of a body that is not chunked */
    struct http_chunked chunks;
    char topic[TOPIC_MAX];
    char key[BROKER_KEY_MAX];
};

static void forget(struct conn *c)
{
    free(c->post);
    c->post = NULL;
    buf_done(&c->message);
    conn_forget_auth(c);
}

/* ---- the answer ---- */

/* Answers, and continues with the next request if the connection may be kept. */
static void answer(struct conn *c, int status, struct str body, struct str extra)
{
    bool keep_alive = c->post->keep_alive;

    c->protocol = c->post->before;
    c->state = CONN_OPEN;
    forget(c);
    conn_client_is_idle(&c->client, c->worker);
    http_send_later(
        c, keep_alive,
        &(struct http_answer){
            .status = status, .type = "application/json", .body = body, .extra = extra });
}

static void answer_error(struct conn *c, int status, const char *why)
{
    struct buf body = { 0 };

    http_topic_count(c, status);
    http_add_error(&body, why);
    answer(c, status, buf_str(&body), STR(""));
    buf_done(&body);
}

static void on_published(struct pending *p, struct conn *c)
{
    const char *failure = publish_failure(p);
    struct buf body = { 0 }, extra = { 0 };

    if (!c || c->state != CONN_BUSY)
        return; /* the connection is gone, or the drain has answered the request */
    if (failure) {
        answer_error(c, 503, failure);
    } else if (p->call.status == BROKER_LIMITED) { /* the broker has counted the refusal */
        http_add_error(&body, "the token's rate limit is exceeded");
        buf_addf(&extra,
                 "Access-Control-Expose-Headers: Retry-After\r\n"
                 "Retry-After: %" PRIu64 "\r\n",
                 (p->call.publish.ret_retry_ms + 999) / 1000);
        answer(c, 429, buf_str(&body), buf_str(&extra));
    } else {
        publish_result(p, &body);
        answer(c, 200, buf_str(&body), STR(""));
    }
    buf_done(&body);
    buf_done(&extra);
}

/* ---- the body ---- */

static void on_body(struct conn *c)
{
    struct pending *p;

    if (buf_used(&c->message) == 0) {
        answer_error(c, 400, "the body must not be empty");
        return;
    }
    if (!utf8_is_valid(buf_str(&c->message))) {
        answer_error(c, 400, "the body must be UTF-8");
        return;
    }
    c->post->publish.message = buf_str(&c->message);
    p = publish_create(c, &c->post->publish, &(struct reply){ 0 });
    p->done = on_published;
    c->state = CONN_BUSY;
    timer_stop(&c->timer);
    buf_done(&c->message);
    pending_start(p, c, BROKER_OP_PUBLISH);
}

/* Refuses the body and ends the connection: where the next request would begin is not known. */
static size_t refuse_body(struct conn *c, int status, size_t n)
{
    forget(c);
    metrics_inc(c->worker->metrics, METRIC_REFUSED_HTTP);
    c->closed_as = status == 413 ? METRIC_CLOSED_TOO_BIG : METRIC_CLOSED_PROTOCOL;
    http_send_error(c, NULL, status, http_reason(status), STR(""));
    return n;
}

static size_t step(struct conn *c, char *p, size_t n)
{
    const struct config *config = c->worker->context->config;
    struct http_post *post = c->post;
    uint64_t room = config->max_message_size - buf_used(&c->message);
    struct str data, in = { p, n < INT32_MAX ? n : INT32_MAX };
    int used;

    if (post->chunked) {
        used = http_chunked_decode(&post->chunks, in, config->max_header_size, &data);
    } else {
        data = str_make(p, in.n < post->left ? in.n : (size_t)post->left);
        post->left -= data.n;
        used = (int)data.n;
    }
    if (used < 0)
        return refuse_body(c, -used, n);
    /* the rest of the chunk, which was announced, must fit, too */
    if (data.n > room || http_chunked_announced(&post->chunks) > room - data.n)
        return refuse_body(c, 413, n);
    buf_add_str(&c->message, data);
    if (post->chunked ? http_chunked_is_done(&post->chunks) : post->left == 0)
        on_body(c);
    return (size_t)used;
}

/* ---- the protocol ---- */

static void on_drain(struct conn *c, bool is_late)
{
    if (!is_late)
        return;
    c->post->keep_alive = false;
    answer_error(c, 503, c->state == CONN_BUSY ? "outcome unknown" : "not published");
}

static void on_timeout(struct conn *c)
{
    forget(c);
    http_send_timeout(c, "body");
}

static void on_close(struct conn *c)
{
    free(c->post);
    c->post = NULL;
    http_forget_cors(c);
}

static const struct conn_protocol protocol = {
    .step = step,
    .on_timeout = on_timeout,
    .on_drain = on_drain,
    .on_close = on_close,
};

/* ---- the head ---- */

static void begin(struct conn *c, const struct http_request *rq, const struct publish *publish)
{
    struct http_post *post = mem_zalloc(sizeof(*post));
    bool has_body = rq->chunked || rq->content_length;

    post->publish = *publish;
    post->publish.topic.p = memcpy(post->topic, publish->topic.p, publish->topic.n);
    if (publish->key.n)
        post->publish.key.p = memcpy(post->key, publish->key.p, publish->key.n);
    post->keep_alive = rq->keep_alive;
    post->chunked = rq->chunked;
    post->left = rq->content_length;
    post->before = c->protocol;
    c->post = post;
    c->protocol = &protocol;
    if (!has_body)
        on_body(c);
    else if (rq->expect_continue)
        http_send_continue(c);
}

static void refuse_head(struct conn *c, const struct http_request *rq, int status, const char *why)
{
    conn_forget_auth(c);
    http_topic_refuse(c, rq, status, why);
}

static bool is_compressed(const struct http_request *rq)
{
    for (size_t i = 0; i < rq->n_headers; i++) {
        struct str list = rq->headers[i].value, coding;

        if (!str_eq_nocase(rq->headers[i].name, STR("Content-Encoding")))
            continue;
        while (str_cut(&list, ',', &coding)) {
            coding = str_trim(coding);
            if (coding.n && !str_eq_nocase(coding, STR("identity")))
                return true;
        }
    }
    return false;
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

    for (int n = 0; n < HTTP_TOPIC_UNKNOWN_MAX && params_cut_unknown(&rest, known, &name); n++)
        http_topic_log_unknown(c, name);
    if (!query)
        refuse_head(c, rq, 400, "the query must be URL-encoded UTF-8");
    else if (publish_read_options(&params, &publish) < 0)
        refuse_head(c, rq, 400, params.why);
    else if (is_compressed(rq))
        refuse_head(c, rq, 415, "the body must not be compressed (Content-Encoding)");
    else if (rq->content_length > c->worker->context->config->max_message_size)
        refuse_head(c, rq, 413, http_reason(413));
    else if (c->worker->pending_bytes > CONN_MAX_PENDING_BYTES)
        refuse_head(c, rq, 503, "not published");
    else
        begin(c, rq, &publish);
}

void http_post_handle(struct conn *c, const struct http_request *rq)
{
    struct buf topic = { 0 };

    if (http_topic_open(c, rq, AUTH_WRITE, &topic) == EH_OK)
        read_head(c, rq, buf_str(&topic));
    buf_done(&topic);
}
