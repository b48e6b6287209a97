/* sub_ws.c - subscriptions over WebSocket: messages are results under the id of the request. */
#include <assert.h>

#include "app/reply.h"
#include "app/sub.h"

static void append(struct delivery *d, struct str s)
{
    assert(d->head_n + s.n <= sizeof(d->head));
    memcpy(d->head + d->head_n, s.p, s.n);
    d->head_n = (uint16_t)(d->head_n + s.n);
}

/* The frame's head and the envelope in front of the shared body; most subscribers of a topic have
 * the same id, so it is seldom made anew. */
static void make_head(struct delivery *d, struct str id)
{
    static const struct str before = { "{\"id\":", 6 };
    static const struct str after = { ",\"jsonrpc\":\"2.0\",\"result\":", 26 };
    uint64_t payload = before.n + id.n + after.n + d->message->body.n;

    if (d->head_n && str_eq(id, str_make(d->id, d->id_n)))
        return;
    d->head_n = (uint16_t)ws_encode_head(d->head, WS_OP_TEXT, payload);
    append(d, before);
    append(d, id);
    append(d, after);
    memcpy(d->id, id.p, id.n);
    d->id_n = (uint16_t)id.n;
}

_Static_assert(sizeof(((struct delivery *)0)->id) >= JSONRPC_ID_MAX, "every id fits");

static bool write_message(const struct sub *s, struct delivery *d)
{
    make_head(d, sub_id(s));
    return conn_send(s->conn, str_make(d->head, d->head_n), &d->message->shared, d->message->body);
}

static void write_joined(struct conn *c, struct reply *reply, struct str filter, bool recovered)
{
    reply_result_tree(reply, c,
                      json_pack("{s:s, s:b, s:s, s:s%}", "action", "subscribe", "recovered",
                                (int)recovered, "status", "ok", "topic", filter.p, filter.n));
}

const struct sub_writer sub_ws_writer = {
    .joined = write_joined,
    .message = write_message,
};
