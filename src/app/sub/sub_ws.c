#include "app/sub/sub_ws.h"

#include <assert.h>

#include "app/conn/conn_output.h"
#include "app/conn/compression.h"
#include "app/conn/reply.h"
#include "app/sub/delivery.h"
#include "proto/deflate.h"

#define BEFORE_ID_TEXT "{\"id\":"
#define BEFORE_ID      STR(BEFORE_ID_TEXT)
#define AFTER_ID       STR(",\"jsonrpc\":\"2.0\",\"result\":")

static size_t payload_size(const struct message *m, struct str id)
{
    return BEFORE_ID.n + id.n + AFTER_ID.n + m->body.n;
}

static void append(struct delivery *d, struct str s)
{
    assert(d->head_n + s.n <= sizeof(d->head));
    memcpy(d->head + d->head_n, s.p, s.n);
    d->head_n = (uint16_t)(d->head_n + s.n);
}

_Static_assert(sizeof(((struct delivery *)0)->id) >= JSONRPC_ID_MAX, "every id fits");

/* Sends the message. Most subscribers of a topic have the same id, so the head of the previous one
 * can be used again. */
static bool write_message(const struct sub *s, struct delivery *d)
{
    struct str id = sub_id(s);

    if (d->head_n == 0 || !str_eq(id, str_make(d->id, d->id_n))) {
        d->head_n = (uint16_t)ws_encode_head(d->head, WS_OP_TEXT, payload_size(d->message, id));
        append(d, BEFORE_ID);
        append(d, id);
        append(d, AFTER_ID);
        memcpy(d->id, id.p, id.n);
        d->id_n = (uint16_t)id.n;
    }
    return conn_send(s->conn, str_make(d->head, d->head_n), &d->message->shared, d->message->body);
}

static void put(struct bytes *out, struct str s)
{
    memcpy(out->p + out->n, s.p, s.n);
    out->n += s.n;
}

/* Encodes the frames of all messages one after the other. */
static struct bytes *write_run(const struct sub *s, struct message *const *messages, size_t n)
{
    struct str id = sub_id(s);
    struct bytes *out;
    size_t size = 0;

    for (size_t i = 0; i < n; i++)
        size += WS_HEAD_MAX + payload_size(messages[i], id);
    out = bytes_alloc(size);
    out->n = 0;
    for (size_t i = 0; i < n; i++) {
        out->n += ws_encode_head(out->p + out->n, WS_OP_TEXT, payload_size(messages[i], id));
        put(out, BEFORE_ID);
        put(out, id);
        put(out, AFTER_ID);
        put(out, messages[i]->body);
    }
    return out;
}

/* ---- with permessage-deflate: the id goes first, uncompressed; the rest is deflated once ---- */

static bool send_deflated(const struct sub *s, struct bytes *rest)
{
    char head[WS_HEAD_MAX + DEFLATE_STORED_HEAD + sizeof(BEFORE_ID_TEXT) + JSONRPC_ID_MAX];
    struct str id = sub_id(s);
    size_t stored = BEFORE_ID.n + id.n;
    size_t n = ws_encode_head(head, WS_OP_TEXT, DEFLATE_STORED_HEAD + stored + rest->n);

    ws_mark_compressed(head);
    deflate_stored_head(head + n, stored);
    n += DEFLATE_STORED_HEAD;
    memcpy(head + n, BEFORE_ID.p, BEFORE_ID.n);
    memcpy(head + n + BEFORE_ID.n, id.p, id.n);
    return conn_send(s->conn, str_make(head, n + stored), &rest->shared, bytes_str(rest));
}

static bool write_deflated(const struct sub *s, struct delivery *d)
{
    unsigned bits = s->conn->window_bits;

    if (!compression_is_for(d->worker->compression, payload_size(d->message, sub_id(s))))
        return write_message(s, d);
    if (!(d->deflated_for & 1u << bits)) {
        d->deflated[bits] = compression_deflate(d->worker->compression, bits, AFTER_ID,
                                                d->message->body, DEFLATE_STORED_HEAD + 1);
        d->deflated_for |= 1u << bits;
    }
    return d->deflated[bits] ? send_deflated(s, d->deflated[bits]) : write_message(s, d);
}

static void write_joined(struct conn *c, struct reply *reply, const struct sub_joined *joined)
{
    json_t *result = json_pack("{s:s}", "action", "subscribe");
    char from[MSGID_TEXT];

    if (joined->gaps)
        json_object_set_new(result, "lastEventId",
                            json_stringn(from, msgid_format(joined->from, from)));
    if (joined->has_history)
        json_object_set_new(result, "recovered", json_boolean(joined->recovered));
    json_object_set_new(result, "status", json_string("ok"));
    json_object_set_new(result, "topic", json_stringn(joined->filter.p, joined->filter.n));
    reply_result_tree(reply, c, result);
}

static void write_gap(const struct sub *s, struct str topic)
{
    struct reply reply = { .id = sub_id(s) };

    reply_result_tree(&reply, s->conn,
                      json_pack("{s:s, s:s%}", "action", "gap", "topic", topic.p, topic.n));
}

static const struct sub_writer plain_writer = {
    .joined = write_joined,
    .message = write_message,
    .run = write_run,
    .gap = write_gap,
};

static const struct sub_writer deflate_writer = {
    .joined = write_joined,
    .message = write_deflated,
    .gap = write_gap,
};

const struct sub_writer *sub_ws_writer_for(const struct conn *c)
{
    return c->window_bits ? &deflate_writer : &plain_writer;
}
