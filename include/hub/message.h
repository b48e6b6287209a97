/* message.h - one published message: immutable, encoded once, and shared by every queue that sends
 * it.
 * Thread:  any; it has a reference count (base/shared.h).
 * Bytes:   body is the `result` object of a delivery and the brace that closes the envelope:
 *          `{"id":"1574843571767-0","message":"…","origin":"…","topic":"my/topic1"}}`. So a
 *          delivery is a small head of its own, {"id":<rpc id>,"jsonrpc":"2.0","result":, and a
 *          reference to the body.
 */
#ifndef EH_HUB_MESSAGE_H
#define EH_HUB_MESSAGE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/shared.h"
#include "base/str.h"
#include "hub/author.h"
#include "hub/msgid.h"

struct message {
    struct shared shared;
    /* Published by a C++ Eventhub: not in the order of ids, moves no high-water mark, never
     * logged. */
    bool legacy;
    bool has_author; /* message_author names it */
    struct msgid id;
    struct str topic; /* a view into body, where the topic has no escapes */
    struct str body;  /* a view into the block */
};

/* Builds a message in one allocation, with one reference. topic is valid; message_json and
 * origin_json are JSON strings with their quotes; origin_json is empty if the publisher has no
 * `sub`. `legacy` is false; the creator of a legacy message sets it before sharing the message. */
struct message *message_create(struct msgid id, struct str topic, struct str message_json,
                               struct str origin_json);
/* The same, for a message that its author does not want back. An author with n 0: everybody gets
 * it. */
struct message *message_create_by(struct msgid id, struct str topic, struct str message_json,
                                  struct str origin_json, const struct author *author);

/* Returns the author, which must be there (has_author). */
struct author message_author(const struct message *m);

/* Returns the bytes of the message besides those of its body. */
static inline size_t message_overhead(const struct message *m)
{
    return sizeof(*m) + (m->has_author ? sizeof(struct author) : 0);
}

/* Returns the result object without the envelope's brace: an item of an `eventlog` answer. */
static inline struct str message_object(const struct message *m)
{
    return (struct str){ m->body.p, m->body.n - 1 };
}

/* Returns a view that begins with the JSON string of the text, as it was published; more follows
 * it. */
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
