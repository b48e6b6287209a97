/* publishes.h - the messages that pub has taken and the server has not answered yet, in order.
 * Thread:  its owner's; pure, takes the time as a parameter.
 * Owns:    copies of the messages, until they are answered or given up.
 * Bounds:  PUBLISHES_MAX messages and PUBLISHES_BYTES, or one longer message: publishes_has_room.
 *
 * After a lost connection, all messages under way wait to be sent again, one at a time until they
 * are answered. So if one of them makes the server (or a proxy) end the connection, it is found,
 * and the others are not given up for it. If the server has said that one is too long, it is the
 * longest of them. A message that was sent without a key is given up.
 */
#ifndef EH_CTL_PUBLISHES_H
#define EH_CTL_PUBLISHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/str.h"

#define PUBLISHES_MAX   256
#define PUBLISHES_BYTES (4 * 1024 * 1024)
#define PUBLISHES_TRIES 2
/* The server recognizes the key of a message for 300 s. Later it would be stored twice. */
#define PUBLISHES_KEY_MS (240 * 1000)

struct publish {
    struct list link;
    uint64_t number;  /* 1, 2, ...: the line, or the repetition */
    uint64_t sent_ms; /* when it was sent first; 0: never */
    uint64_t last_ms; /* when it was sent last */
    unsigned tries;   /* connections that were lost when only this message was under way */
    bool is_too_big;
    bool has_key;     /* as it was sent last */
    bool is_doubtful; /* was under way without a key when the connection was lost */
    void *owner;
    struct str text;
};

struct publishes {
    struct list waiting;   /* to be sent, in order */
    struct list under_way; /* sent and not answered, in order; all before `waiting` */
    size_t n;
    size_t bytes;
    uint64_t careful_up_to; /* messages up to this number are sent one at a time */
};

void publishes_init(struct publishes *ps);
void publishes_done(struct publishes *ps);

bool publishes_has_room(const struct publishes *ps);
/* Adds a message behind the others; copies the text. */
void publishes_add(struct publishes *ps, uint64_t number, struct str text, void *owner);

/* Returns the message to send now; NULL: none. publishes_sent must follow. */
struct publish *publishes_next(const struct publishes *ps);
void publishes_sent(struct publishes *ps, struct publish *p, bool has_key, uint64_t now_ms);
void publishes_remove(struct publishes *ps, struct publish *p); /* answered, or given up */

/* The broker refused the message, which is to be sent again, before those that follow it. */
void publishes_refused(struct publishes *ps, struct publish *p);
/* The connection was lost: all messages under way are to be sent again. too_big: because one of
 * them was longer than the server accepts. */
void publishes_lost(struct publishes *ps, bool too_big);
/* Returns a waiting message that must not be sent again, and *why; NULL: none. */
struct publish *publishes_hopeless(const struct publishes *ps, uint64_t now_ms, const char **why);

#endif
