/* client.h - a WebSocket client for load, cheap enough that one thread can run thousands.
 * Thread:  that of its loop.
 * Owns:    its stream. The struct is the caller's and must live until the loop ends.
 * Fails:   a connection that cannot be made, or that ends unexpectedly (without may_be_dropped),
 *          ends the program: a measurement with fewer clients than it claims would be wrong.
 */
#ifndef EH_BENCH_CLIENT_H
#define EH_BENCH_CLIENT_H

#include <stdint.h>

#include "base/buf.h"
#include "net/stream.h"
#include "proto/ws_client.h"

struct client;

struct client_events {
    void (*on_upgraded)(struct client *c);
    void (*on_text)(struct client *c, struct str text); /* a whole message */
    void (*on_pong)(struct client *c);                  /* may be NULL */
    void (*on_closed)(struct client *c);                /* after client_close; may be NULL */
    bool may_be_dropped; /* by the server: the client then just closes */
};

struct client {
    struct stream stream;
    const struct client_events *events;
    struct buf in;   /* a half-read head, or a control frame */
    struct buf text; /* a half-read message */
    union {
        struct http_reply_parser answer; /* until `upgraded` */
        struct ws_decoder decoder;
    };
    bool upgraded;
    bool closing;
};

/* Connects to 127.0.0.1 and starts the WebSocket handshake. */
void client_open(struct client *c, struct loop *lp, uint16_t port,
                 const struct client_events *events);
void client_send(struct client *c, struct str text);
void client_ping(struct client *c);
void client_close(struct client *c); /* with a reset, so that nothing stays in TIME_WAIT */

#endif
