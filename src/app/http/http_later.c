#include "app/http/http_later.h"

#include "app/conn/conn_input.h"
#include "app/http/http_answer.h"
#include "app/http/http_topic.h"

static void forget(struct conn *c)
{
    if (c->later)
        c->later->kind->forget(c->later);
    c->later = NULL;
}

static void end(struct conn *c)
{
    forget(c);
    buf_done(&c->message);
    conn_forget_auth(c);
}

/* ---- the answer ---- */

void http_later_wait(struct conn *c)
{
    c->state = CONN_BUSY;
    timer_stop(&c->timer);
}

void http_later_answer(struct conn *c, int status, struct str json, struct str extra)
{
    bool keep_alive = c->later->keep_alive;

    c->protocol = c->later->before;
    c->state = CONN_OPEN;
    end(c);
    conn_client_is_idle(&c->client, c->worker);
    http_send_later(
        c, keep_alive,
        &(struct http_answer){
            .status = status, .type = "application/json", .body = json, .extra = extra });
}

void http_later_fail(struct conn *c, int status, const char *why)
{
    struct buf json = { 0 };

    http_topic_count(c, status);
    http_add_error(&json, why);
    http_later_answer(c, status, buf_str(&json), status == 401 ? STR(HTTP_CHALLENGE) : STR(""));
    buf_done(&json);
}

/* ---- the body ---- */

/* Refuses the body and ends the connection: where the next request would begin is not known. */
static size_t refuse(struct conn *c, int status, size_t n)
{
    end(c);
    metrics_inc(c->worker->metrics, METRIC_REFUSED_HTTP);
    c->closed_as = status == 413 ? METRIC_CLOSED_TOO_BIG : METRIC_CLOSED_PROTOCOL;
    http_send_error(c, NULL, status, http_reason(status), STR(""));
    return n;
}

static size_t step(struct conn *c, char *p, size_t n)
{
    const struct config *config = c->worker->context->config;
    struct http_later *later = c->later;
    uint64_t room = config->max_message_size - buf_used(&c->message);
    struct str data, in = { p, n < INT32_MAX ? n : INT32_MAX };
    int used;

    if (later->chunked) {
        used = http_chunked_decode(&later->chunks, in, config->max_header_size, &data);
    } else {
        data = str_make(p, in.n < later->left ? in.n : (size_t)later->left);
        later->left -= data.n;
        used = (int)data.n;
    }
    if (used < 0)
        return refuse(c, -used, n);
    /* the rest of the chunk, which was announced, must fit, too */
    if (data.n > room || http_chunked_announced(&later->chunks) > room - data.n)
        return refuse(c, 413, n);
    buf_add_str(&c->message, data);
    if (later->chunked ? http_chunked_is_done(&later->chunks) : later->left == 0)
        later->kind->on_body(c);
    return (size_t)used;
}

/* ---- the protocol ---- */

static void on_drain(struct conn *c, bool is_late)
{
    if (!is_late)
        return;
    c->later->keep_alive = false;
    http_later_fail(c, 503, c->state == CONN_BUSY ? "outcome unknown" : c->later->kind->not_done);
}

static void on_timeout(struct conn *c)
{
    end(c);
    http_send_timeout(c, "body");
}

static void on_close(struct conn *c)
{
    forget(c);
    http_forget_cors(c);
}

static const struct conn_protocol protocol = {
    .step = step,
    .on_timeout = on_timeout,
    .on_drain = on_drain,
    .on_close = on_close,
};

/* ---- the head ---- */

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

int http_later_refusal(const struct conn *c, const struct http_request *rq, const char **ret_why)
{
    if (is_compressed(rq)) {
        *ret_why = "the body must not be compressed (Content-Encoding)";
        return 415;
    }
    if (rq->content_length > c->worker->context->config->max_message_size) {
        *ret_why = http_reason(413);
        return 413;
    }
    *ret_why = NULL;
    return c->worker->pending_bytes > CONN_MAX_PENDING_BYTES ? 503 : 0;
}

void http_later_begin(struct conn *c, const struct http_request *rq, struct http_later *later)
{
    later->keep_alive = rq->keep_alive;
    later->chunked = rq->chunked;
    later->left = rq->content_length;
    later->before = c->protocol;
    c->later = later;
    c->protocol = &protocol;
    if (!rq->chunked && rq->content_length == 0)
        later->kind->on_body(c);
    else if (rq->expect_continue)
        http_send_continue(c);
}
