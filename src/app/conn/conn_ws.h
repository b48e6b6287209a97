/* conn_ws.h - the WebSocket state of a connection: frames in and out, pings, the closing handshake.
 * Thread:  the connection's worker.
 * Never:   looks into messages; the ws_service handles them.
 */
#ifndef EH_APP_CONN_WS_H
#define EH_APP_CONN_WS_H

#include "app/conn/conn.h"

/* Handles the messages of WebSockets: rpc_service (app/rpc/rpc.h), or one that a test provides. All
 * functions but on_message may be NULL. */
struct ws_service {
    void (*on_message)(struct conn *c, enum ws_opcode op, struct str message);
    /* As in struct conn_protocol. */
    void (*resume)(struct conn *c);
    void (*on_writable)(struct conn *c);
    /* As well, and once more before our Close is sent, when answers can still be sent. */
    void (*on_close)(struct conn *c);
    bool takes_binary; /* otherwise binary messages end the connection with 1003 */
};

/* Makes the connection a WebSocket, once the 101 is queued, and takes the rights. window_bits is
 * the window that the 101 agreed to (proto/ws_deflate.h); 0: no compression. */
void conn_ws_begin(struct conn *c, struct auth *auth, uint8_t window_bits);
/* Gives the connection new rights, which it takes. It ends when they expire. */
void conn_ws_set_auth(struct conn *c, struct auth *auth);

/* Sends one message, deflated where that makes it shorter; takes the reference. */
void conn_ws_send(struct conn *c, enum ws_opcode op, struct bytes *message);
/* Sends Close after the answers to earlier requests, for which it waits at most BROKER_TIMEOUT. */
void conn_ws_leave(struct conn *c, int code, enum metric reason);

#endif
