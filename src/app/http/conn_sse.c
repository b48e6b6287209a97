/* conn_sse.c - the SSE state of a connection: one subscription, whose messages are sent as events.
 * Input after the request is ignored. If the client disappears silently, TCP notices that output is
 * no longer acknowledged.
 */
#include "app/http/conn_sse.h"

#include "app/conn/conn_output.h"
#include "app/conn/conn_ping.h"
#include "app/conn/reply.h"
#include "app/http/http_answer.h"
#include "app/http/http_topic.h"
#include "app/rpc/params.h"
#include "app/sub/delivery.h"
#include "app/sub/join.h"
#include "app/sub/reader.h"
#include "app/sub/sub.h"
#include "base/buf.h"
#include "proto/json.h"
#include "proto/sse.h"

/* X-Accel-Buffering makes nginx pass events on as they come. */
#define STREAM_HEADERS "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"

static void send_text(struct conn *c, struct str text)
{
    (void)conn_send(c, text, NULL, STR("")); /* overflow ends the connection */
}

static void add_position(struct buf *out, struct msgid id)
{
    char text[MSGID_TEXT];

    if (!msgid_is_zero(id))
        sse_add_position(out, str_make(text, msgid_format(id, text)));
}

/* ---- the writer of the subscription ---- */

static void write_joined(struct conn *c, struct reply *reply, const struct sub_joined *joined)
{
    (void)reply;
    if (!joined->recovered)
        send_text(c, STR(SSE_INCOMPLETE));
}

static void write_gap(const struct sub *s, struct str topic)
{
    struct buf text = { 0 };

    sse_add_gap(&text, topic);
    send_text(s->conn, buf_str(&text));
    buf_done(&text);
}

/* Sends the position only now: a client that leaves before the whole log was sent must resume where
 * it began. */
static void write_caught_up(struct conn *c, struct msgid snapshot_end)
{
    struct buf text = { 0 };

    add_position(&text, snapshot_end);
    send_text(c, buf_str(&text));
    buf_done(&text);
}

/* Encodes an event. That of a legacy message has no id: the message has no place in our order, so
 * no client could resume from it. */
static struct bytes *make_event(const struct message *m, struct str text)
{
    char id[MSGID_TEXT];
    struct buf out = { 0 };
    struct bytes *event;

    sse_add_event(&out, str_make(id, m->legacy ? 0 : msgid_format(m->id, id)), text);
    event = bytes_copy(buf_str(&out));
    buf_done(&out);
    return event;
}

/* Encodes the message as it was published. NULL: the log holds something other than a JSON string,
 * which we did not write. */
static struct bytes *make_text_event(const struct message *m)
{
    struct bytes *event = NULL;
    struct buf text = { 0 };

    if (json_read_string(message_text_json(m), &text) > 0)
        event = make_event(m, buf_str(&text));
    buf_done(&text);
    return event;
}

static bool write_message(const struct sub *s, struct delivery *d)
{
    bool json = s->conn->sse_json;
    struct bytes **event = &d->event[json];

    if (!*event)
        *event =
            json ? make_event(d->message, message_object(d->message)) : make_text_event(d->message);
    return *event && conn_send(s->conn, STR(""), &(*event)->shared, bytes_str(*event));
}

static const struct sub_writer sse_writer = {
    .joined = write_joined,
    .caught_up = write_caught_up,
    .message = write_message,
    .gap = write_gap,
};

/* ---- the request ---- */

struct stream_request {
    struct eventlog_request log;
    bool gaps;
};

/* Reads the id to resume after. The field that a browser sends when it reconnects takes precedence
 * over the URL, and both take precedence over since. */
static int read_last_id(const struct http_request *rq, struct params *p, struct eventlog_point *ret)
{
    struct str id = http_header(rq, STR("Last-Event-ID"));

    if (id.n == 0)
        id = json_text(json_object_get(p->json, "lastEventId"));
    if (id.n == 0)
        return EH_OK;
    ret->kind = EVENTLOG_AFTER;
    if (msgid_parse(id, &ret->id) == EH_OK)
        return EH_OK;
    return params_fail(p, JSONRPC_INVALID_PARAMS,
                       "Last-Event-ID and lastEventId must be a message id such as "
                       "\"1574843571767-0\"");
}

static int read_params(const struct conn *c, const struct http_request *rq, struct params *p,
                       struct stream_request *ret)
{
    *ret = (struct stream_request){ .gaps = false };
    EH_TRY(params_eventlog(p, c->worker->context->config->max_cache_request_limit, &ret->log));
    EH_TRY(params_bool(p, "gaps", &ret->gaps));
    return read_last_id(rq, p, &ret->log.from);
}

static bool wants_json(const struct http_request *rq)
{
    struct str format;

    return http_query_param(rq->query, STR("format"), &format) && str_eq(format, STR("json"));
}

/* ---- the stream ---- */

static void on_ping_timer(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, timer);

    if (conn_ping_token_expired(c)) {
        conn_linger(c, METRIC_CLOSED_EXPIRED);
        return;
    }
    send_text(c, STR(SSE_PING));
    conn_ping_timer(c, on_ping_timer);
}

static void on_drain(struct conn *c, bool is_late)
{
    (void)is_late;
    conn_linger(c, METRIC_CLOSED_DRAIN);
}

static void on_close(struct conn *c)
{
    sub_close_all(c);
    if (c->state == CONN_DEAD)
        readers_end(c);
}

static const struct conn_protocol protocol = {
    .on_writable = readers_pump,
    .on_drain = on_drain,
    .on_close = on_close,
};

static void send_head(struct conn *c, struct str first)
{
    http_send_unit(c,
                   &(struct http_response){ .status = 200,
                                            .content_type = SSE_MEDIA_TYPE,
                                            .content_length = HTTP_NO_LENGTH,
                                            .extra = STR(STREAM_HEADERS) },
                   first);
}

static void begin(struct conn *c, struct str filter, const struct stream_request *rq)
{
    const struct config *config = c->worker->context->config;
    const struct eventlog_request *from = &rq->log;
    bool has_log = from->from.kind != EVENTLOG_NONE && config->enable_cache;
    struct buf first = { 0 };
    struct sub *s;

    c->protocol = &protocol;
    conn_ping_timer(c, on_ping_timer);
    sock_user_timeout(c->stream.io.fd, (unsigned)(2 * config->ping_interval * 1000));
    s = sub_open(c, &sse_writer, filter, STR(""), rq->gaps);
    buf_add_str(&first, STR(SSE_OK));
    add_position(&first, has_log ? from->from.id : s->last);
    if (from->from.kind != EVENTLOG_NONE && !has_log)
        buf_add_str(&first, STR(SSE_INCOMPLETE));
    send_head(c, buf_str(&first));
    http_forget_cors(c);
    buf_done(&first);
    if (has_log)
        join_start(s, filter, from, &(struct reply){ 0 });
}

static void open_stream(struct conn *c, const struct http_request *rq, struct str filter)
{
    static const struct query_param known[] = { { "lastEventId", QUERY_STRING },
                                                { "since", QUERY_INTEGER },
                                                { "limit", QUERY_INTEGER },
                                                { "gaps", QUERY_BOOL },
                                                { NULL, QUERY_STRING } };
    json_auto_t *query = params_of_query(rq->query, known);
    struct params params = { .json = query, .why = "the query must be URL-encoded UTF-8" };
    struct stream_request wanted;

    if (!query || read_params(c, rq, &params, &wanted) < 0) {
        conn_forget_auth(c);
        http_topic_refuse(c, rq, 400, params.why);
    } else if (str_eq(rq->method, STR("HEAD"))) {
        send_head(c, STR(""));
        conn_linger(c, METRIC_CLOSED_SERVER);
    } else {
        c->sse_json = wants_json(rq);
        begin(c, filter, &wanted);
    }
}

void conn_sse_handle(struct conn *c, const struct http_request *rq)
{
    struct buf filter = { 0 };

    if (!c->worker->context->config->enable_sse)
        http_topic_refuse(c, rq, 501, "server-sent events are disabled (ENABLE_SSE)");
    else if (http_topic_open(c, rq, AUTH_READ, &filter) == EH_OK)
        open_stream(c, rq, buf_str(&filter));
    buf_done(&filter);
}
