/* message.h - one published message, immutable, encoded once, shared by all who send it.
 * Thread:  any; held by count (base/shared.h).
 * Bytes:   body is the `result` object of a delivery followed by the brace that closes the
 * envelope,
 *          `{"id":"1574843571767-0","message":"…","origin":"…","topic":"my/topic1"}}`, so that a
 *          delivery is a small head of its own, {"id":<rpc id>,"jsonrpc":"2.0","result":, and a
 *          reference to the body.
 */
#ifndef EH_HUB_MESSAGE_H
#define EH_HUB_MESSAGE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/shared.h"
#include "base/str.h"
#include "hub/msgid.h"

struct message {
    struct shared shared;
    bool legacy; /* published by a C++ Eventhub: outside id order, moves no mark, never in the log
                   */
    struct msgid id;
    struct str topic; /* a view into body: the topic stands there as it is */
    struct str body;  /* a view into the block */
};

/* topic is valid; message_json and origin_json are JSON strings with their quotes; origin_json is
 * empty where the publisher has no `sub`. One allocation; count 1. foreign is false: who has made a
 * foreign one says so before sharing it. */
struct message *message_create(struct msgid id, struct str topic, struct str message_json,
                               struct str origin_json);

/* The result object without the envelope's brace: an item of an `eventlog` answer. */
static inline struct str message_object(const struct message *m)
{
    return (struct str){ m->body.p, m->body.n - 1 };
}

/* Begins with the JSON string of the message's text, as it was published; more follows. */
struct str message_text_json(const struct message *m);

static inline struct message *message_ref(struct message *m)
{
    shared_ref(&m->shared);
    return m;
}

static inline void message_unref(struct message *m)
{
    if (m)
        shared_unref(&m->shared);
}

#endif
