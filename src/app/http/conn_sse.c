/* conn_sse.c - the SSE state of a connection: one subscription, whose messages are sent as events,
 * or several that are one stream. Input after the request is ignored. If the client disappears
 * silently, TCP notices that output is no longer acknowledged.
 *
 * One stream of several topics. The client keeps one position, the id of the last event, and must
 * be able to resume all topics from it. So the events come in the order of ids over all topics,
 * each once, whatever filters match:
 *
 *     history   the filters are read as one log (app/sub/join.c), and live messages of all wait
 *     live      one sequence of ids, as the broker posts it to the worker
 *
 * The mark of the stream is `last` of its first subscription. A message that another one brings
 * passes if it is above the mark, and moves it. So the copy that a second filter brings does not
 * pass. A legacy message has no id that could be compared; the first filter that matches brings it.
 */
#include "app/http/conn_sse.h"

#include <sys/random.h>

#include "app/conn/conn_output.h"
#include "app/conn/conn_ping.h"
#include "app/conn/reply.h"
#include "app/http/http_answer.h"
#include "app/http/http_topic.h"
#include "app/rpc/params.h"
#include "app/sub/delivery.h"
#include "app/sub/reader.h"
#include "app/sub/sub.h"
#include "app/sub/sub_covered.h"
#include "base/buf.h"
#include "base/clock.h"
#include "proto/json.h"
#include "proto/sse.h"

/* Proxies that compress would hold events back (no-transform), and nginx would buffer them. */
#define STREAM_HEADERS                                                                             \
    "Cache-Control: no-cache, no-transform\r\n"                                                    \
    "X-Accel-Buffering: no\r\n"

static void send_text(struct conn *c, struct str text)
{
    (void)conn_send(c, text, NULL, STR("")); /* overflow ends the connection */
}

/* Without a random number, the least significant digits of the clock must do. */
static void add_retry(struct buf *out)
{
    uint32_t any;

    if (getrandom(&any, sizeof(any), GRND_NONBLOCK) < 0)
        any = (uint32_t)clock_mono_us();
    sse_add_retry(out, any);
}

static void add_position(struct buf *out, struct msgid id)
{
    char text[MSGID_TEXT];

    if (!msgid_is_zero(id))
        sse_add_position(out, str_make(text, msgid_format(id, text)));
}

/* Reports whether the head was not sent yet, because the subscription is not live. Until then,
 * c->message holds the beginning of the stream. */
static bool is_waiting_to_begin(const struct conn *c)
{
    return buf_used(&c->message) > 0;
}

/* ---- the writer of the subscription ---- */

static void send_head(struct conn *c, struct str first)
{
    http_send_unit(c,
                   &(struct http_response){ .status = 200,
                                            .content_type = SSE_MEDIA_TYPE,
                                            .content_length = HTTP_NO_LENGTH,
                                            .extra = STR(STREAM_HEADERS) },
                   first);
    http_forget_cors(c);
    buf_done(&c->message);
}

/* The head of a stream that reads the log was sent already. Any other stream begins now: a page
 * that sees it open may have a message published at once. */
static void write_joined(struct conn *c, struct reply *reply, const struct sub_joined *joined)
{
    bool is_incomplete = c->sse_foreign || (joined->has_history && !joined->recovered);

    (void)reply;
    if (is_waiting_to_begin(c)) {
        add_position(&c->message, joined->from);
        if (is_incomplete)
            buf_add_str(&c->message, STR(SSE_INCOMPLETE));
        send_head(c, buf_str(&c->message));
    } else if (is_incomplete) {
        send_text(c, STR(SSE_INCOMPLETE));
    }
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

/* The forms of an event: an index of delivery->event. */
enum { AS_TEXT, AS_OBJECT, NAMED };

/* Encodes an event. That of a legacy message has no id: the message has no place in our order, so
 * no client could resume from it. */
static struct bytes *make_event(const struct message *m, unsigned form, struct str text)
{
    char id[MSGID_TEXT];
    struct buf out = { 0 };
    struct bytes *event;

    if (form & NAMED)
        sse_add_name(&out, m->topic);
    sse_add_event(&out, str_make(id, m->legacy ? 0 : msgid_format(m->id, id)), text);
    event = bytes_copy(buf_str(&out));
    buf_done(&out);
    return event;
}

/* Encodes the message as it was published. NULL: the log holds something other than a JSON string,
 * which we did not write. */
static struct bytes *make_text_event(const struct message *m, unsigned form)
{
    struct bytes *event = NULL;
    struct buf text = { 0 };

    if (json_read_string(message_text_json(m), &text) > 0)
        event = make_event(m, form, buf_str(&text));
    buf_done(&text);
    return event;
}

static bool write_message(const struct sub *s, struct delivery *d)
{
    const struct conn *c = s->conn;
    unsigned form = (c->sse_json ? AS_OBJECT : AS_TEXT) | (c->sse_named ? NAMED : 0);
    struct bytes **event = &d->event[form];

    if (!(d->event_for & 1u << form)) {
        *event = c->sse_json ? make_event(d->message, form, message_object(d->message))
                             : make_text_event(d->message, form);
        d->event_for |= 1u << form;
    }
    return *event && conn_send(s->conn, STR(""), &(*event)->shared, bytes_str(*event));
}

static const struct sub_writer sse_writer = {
    .joined = write_joined,
    .caught_up = write_caught_up,
    .message = write_message,
    .gap = write_gap,
};

/* ---- the writer of several subscriptions that are one stream ---- */

/* Passes the stream's mark, which delivery_send has passed already if s is the first. */
static bool pass_mark(const struct sub *s, const struct message *m)
{
    struct sub *first = container_of(s->conn->subs.next, struct sub, link);

    if (s == first)
        return true;
    if (m->legacy)
        return !sub_is_covered(s, m->topic);
    if (msgid_cmp(m->id, first->last) <= 0)
        return false;
    first->last = m->id;
    return true;
}

static bool write_message_once(const struct sub *s, struct delivery *d)
{
    return pass_mark(s, d->message) && write_message(s, d);
}

static void write_gap_once(const struct sub *s, struct str topic)
{
    if (!sub_is_covered(s, topic))
        write_gap(s, topic);
}

static const struct sub_writer many_writer = {
    .joined = write_joined,
    .caught_up = write_caught_up,
    .message = write_message_once,
    .gap = write_gap_once,
};

/* ---- the request ---- */

/* Accepts the spellings of other servers and of libraries that stand in for EventSource:
 * lastEventId, lastEventID, last-event-id, evs_last_event_id. sinceEventId is the name in an RPC
 * call. */
static bool is_last_id(struct str name)
{
    struct str end = STR("lasteventid");
    char plain[64];
    size_t n = 0;

    for (size_t i = 0; i < name.n && n < sizeof(plain); i++) {
        if (name.p[i] != '-' && name.p[i] != '_')
            plain[n++] = name.p[i];
    }
    return str_eq_nocase(str_make(plain, n), STR("sinceeventid")) ||
           (n >= end.n && str_eq_nocase(str_make(plain + n - end.n, end.n), end));
}

/* Reads the id to resume after, which takes precedence over since and latest. An id of another
 * server is not an error: a browser sends the last id that it saw at this URL, and it gives up on
 * an error. */
static void read_last_id(struct conn *c, const struct http_request *rq, struct eventlog_point *from)
{
    struct str query = rq->query, name, value;
    struct buf id = { 0 };

    /* The field that a browser sends when it reconnects takes precedence over the URL. */
    buf_add_str(&id, http_header(rq, STR("Last-Event-ID")));
    while (buf_used(&id) == 0 && http_query_cut(&query, &name, &value)) {
        if (is_last_id(name) && http_percent_decode(value, false, &id) < 0)
            buf_add_str(&id, value); /* it is not a valid id anyway */
    }
    if (buf_used(&id)) {
        c->sse_foreign = msgid_parse(buf_str(&id), &from->id) < 0;
        if (!c->sse_foreign)
            from->kind = EVENTLOG_AFTER;
        else if (from->kind != EVENTLOG_LATEST)
            from->kind = EVENTLOG_NONE;
    }
    buf_done(&id);
}

static const struct query_param known_of_many[] = {
    { "topic", QUERY_STRING }, { "since", QUERY_INTEGER }, { "limit", QUERY_INTEGER },
    { "latest", QUERY_FLAG },  { "gaps", QUERY_BOOL },     { "format", QUERY_STRING },
    { "event", QUERY_STRING }, { "ping", QUERY_FLAG },     { NULL, QUERY_STRING },
};
static const struct query_param *const known = known_of_many + 1; /* if the path has the topic */

/* Names unknown parameters. They are not refused, since some clients add one to get past caches,
 * but an author who misspells a parameter must be able to find out. */
static void add_unknown(const struct conn *c, const struct http_request *rq, struct buf *out)
{
    const struct query_param *all = http_topics_are_in_query(rq) ? known_of_many : known;
    struct str name, query = rq->query;
    int n = 0;

    while (n < HTTP_TOPIC_UNKNOWN_MAX && params_cut_unknown(&query, all, &name)) {
        if (is_last_id(name))
            continue;
        http_topic_log_unknown(c, name);
        sse_add_comment(out, "unknown parameter", name);
        n++;
    }
}

/* ---- the stream ---- */

static void on_ping_timer(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, timer);

    if (conn_ping_token_expired(c)) {
        conn_linger(c, METRIC_CLOSED_EXPIRED);
        return;
    }
    if (!is_waiting_to_begin(c))
        send_text(c, c->sse_ping ? STR(SSE_PING_EVENT) : STR(SSE_PING));
    conn_ping_timer(c, on_ping_timer, conn_ping_interval_ms(c));
}

static void on_drain(struct conn *c, bool is_late)
{
    (void)is_late;
    conn_linger(c, METRIC_CLOSED_DRAIN);
}

static void on_disconnect(struct conn *c, const char *why)
{
    (void)why; /* a stream has no place for it that EventSource would show */
    conn_linger(c, METRIC_CLOSED_OPERATOR);
}

static void on_close(struct conn *c)
{
    sub_end_all(c);
    http_forget_cors(c);
    if (c->state == CONN_DEAD)
        readers_end(c);
}

static const struct conn_protocol protocol = {
    .on_writable = readers_pump,
    .name = "sse",
    .on_drain = on_drain,
    .on_disconnect = on_disconnect,
    .on_close = on_close,
    .ends_with_token = true,
};

static void begin(struct conn *c, const struct sub_request *rq, struct str remarks)
{
    const struct config *config = c->worker->context->config;

    c->protocol = &protocol;
    conn_ping_timer(c, on_ping_timer, conn_ping_interval_ms(c));
    sock_user_timeout(c->stream.io.fd, (unsigned)(2 * config->ping_interval * 1000));
    buf_add_str(&c->message, STR(SSE_OK));
    add_retry(&c->message);
    buf_add_str(&c->message, remarks);
    if (rq->log.from.kind != EVENTLOG_NONE && config->enable_cache) {
        add_position(&c->message, rq->log.from.id);
        send_head(c, buf_str(&c->message));
    }
    sub_open(c, rq->n_more ? &many_writer : &sse_writer, rq, &(struct reply){ 0 });
}

/* Reads how the events are written. */
static int read_form(struct conn *c, struct params *p)
{
    struct str event = json_text(json_object_get(p->json, "event"));
    bool ping = false;

    if (event.p && !str_eq(event, STR("topic")))
        return params_fail(p, JSONRPC_INVALID_PARAMS, "event must be \"topic\"");
    EH_TRY(params_bool(p, "ping", &ping));
    c->sse_json = str_eq(json_text(json_object_get(p->json, "format")), STR("json"));
    c->sse_named = event.n;
    c->sse_ping = ping;
    return EH_OK;
}

static void open_stream(struct conn *c, const struct http_request *rq,
                        const struct http_topics *topics)
{
    json_auto_t *query = params_of_query(rq->query, known);
    struct params params = { .json = query, .why = "the query must be URL-encoded UTF-8" };
    uint64_t max_limit = c->worker->context->config->max_cache_request_limit;
    struct sub_request wanted = {
        .filter = topics->at[0], .more = topics->at + 1, .n_more = topics->n - 1, .id = STR("")
    };
    struct buf remarks = { 0 };

    if (!query || params_history(&params, max_limit, &wanted.log) < 0 ||
        params_bool(&params, "gaps", &wanted.gaps) < 0 || read_form(c, &params) < 0) {
        conn_forget_auth(c);
        http_topic_refuse(c, rq, 400, params.why);
    } else if (str_eq(rq->method, STR("HEAD"))) {
        send_head(c, STR(""));
        conn_linger(c, METRIC_CLOSED_SERVER);
    } else {
        read_last_id(c, rq, &wanted.log.from);
        add_unknown(c, rq, &remarks);
        begin(c, &wanted, buf_str(&remarks));
        buf_done(&remarks);
    }
}

bool conn_sse_is_wanted(const struct http_request *rq)
{
    return http_accepts(rq, STR(SSE_MEDIA_TYPE));
}

void conn_sse_refuse(struct conn *c, const struct http_request *rq, int status, const char *why)
{
    struct buf body = { 0 };

    sse_add_refusal(&body, why, status);
    http_send(c, rq,
              &(struct http_answer){ .status = 200,
                                     .type = SSE_MEDIA_TYPE,
                                     .body = buf_str(&body),
                                     .extra = STR(STREAM_HEADERS) });
    buf_done(&body);
}

void conn_sse_handle(struct conn *c, const struct http_request *rq)
{
    struct http_topics topics;
    const char *why;
    int rc;

    if (!c->worker->context->config->enable_sse) {
        http_topic_refuse(c, rq, 501, "server-sent events are disabled (ENABLE_SSE)");
        return;
    }
    buf_init(&topics.text);
    rc = http_topic_open(c, rq, AUTH_READ, &topics, &why);
    if (rc == EH_OK)
        open_stream(c, rq, &topics);
    else if (rc == EH_ENOENT)
        conn_sse_refuse(c, rq, 503, why);
    http_topics_done(&topics);
}
