/* ws_link.h - one WebSocket connection to a target: handshake, messages, pings, Close.
 * Alive:   answers pings. After LINK_SILENCE_MS in which nothing came or could be sent, it pings,
 *          and after the target's timeout more the connection counts as lost.
 * Thread:  its loop's.
 * Owns:    its connection and the message that is being received.
 * Lives:   until the end of the turn after ws_link_free, which may be called from its callbacks.
 * Bounds:  a message of at most LINK_MESSAGE_MAX; what is sent is bounded by the user
 *          (ws_link_queued).
 */
#ifndef EH_CTL_WS_LINK_H
#define EH_CTL_WS_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "ctl/link/link_end.h"

#define LINK_MESSAGE_MAX (64 * 1024 * 1024)
#define LINK_SILENCE_MS  15000

struct runtime;
struct ws_link;

struct link_events {
    void (*on_open)(void *owner);
    void (*on_text)(void *owner, struct str text);           /* a whole message, valid UTF-8 */
    void (*on_end)(void *owner, const struct link_end *end); /* once */
    void (*on_sent)(void *owner);                            /* the queue is shorter now */
};

/* Connects within the target's timeout. */
struct ws_link *ws_link_create(struct runtime *rt, const struct target *target,
                               const struct link_events *events, void *owner);
void ws_link_free(struct ws_link *l); /* no callback follows; NULL is fine */

void ws_link_send(struct ws_link *l, struct str text);
size_t ws_link_queued(const struct ws_link *l); /* bytes that wait to be sent */
/* Sends what is queued and a Close, and waits for the server's for at most a second. */
void ws_link_close(struct ws_link *l);
/* Ends the connection because the user cannot understand the server: `why` continues "URL is not an
 * Eventhub server: ". on_end follows. */
void ws_link_refuse(struct ws_link *l, int close_code, const char *why);

#endif
