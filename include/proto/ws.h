/* ws.h - RFC 6455: accept key, frames in (server side: masked), frame heads out; the bit that says
 * of a message that it is compressed (RFC 7692).
 * Thread:  any; pure.
 * Owns:    nothing; payload views point into the input, unmasked in place.
 * A peer's size is reported before its bytes are there: the caller checks it before it takes
 * memory.
 */
#ifndef EH_PROTO_WS_H
#define EH_PROTO_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum ws_opcode {
    WS_OP_CONT = 0x0,
    WS_OP_TEXT = 0x1,
    WS_OP_BINARY = 0x2,
    WS_OP_CLOSE = 0x8,
    WS_OP_PING = 0x9,
    WS_OP_PONG = 0xa,
};

enum ws_close_code {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_UNSUPPORTED = 1003,
    WS_CLOSE_NONE = 1005, /* never on the wire: a Close without a code */
    WS_CLOSE_BAD_DATA = 1007,
    WS_CLOSE_POLICY = 1008,
    WS_CLOSE_TOO_BIG = 1009,
    WS_CLOSE_TRY_AGAIN = 1013,
};

#define WS_CONTROL_MAX 125 /* payload of a control frame, RFC 6455 5.5 */
#define WS_HEAD_MAX    10  /* of a frame that we send: never masked */
#define WS_IN_HEAD_MAX 14  /* of a frame that a client sends */
#define WS_ACCEPT_LEN  28
#define WS_COMPRESSED  0x40 /* RSV1 of a message's first frame, RFC 7692 6 */
#define WS_PARTIAL_MAX (WS_IN_HEAD_MAX + WS_CONTROL_MAX) /* most that ws_decode leaves unread */

/* Where the byte stream of one connection stands. ws_decoder_init at its start, then what is to be
 * taken; 32 bytes. */
struct ws_decoder {
    uint64_t left;          /* payload bytes of the present data frame still to come */
    uint64_t message_bytes; /* announced so far for the present message */
    uint32_t utf8;          /* of the present text message */
    uint8_t mask[4];        /* rotated to the next byte */
    uint8_t message_op;     /* WS_OP_TEXT or WS_OP_BINARY while inside a message, else 0 */
    bool fin;               /* of the present data frame */
    bool in_frame;
    bool binary;     /* binary messages are taken, else they are -1003 */
    bool deflate;    /* compressed messages are taken, else their bit is -1002 */
    bool compressed; /* the present message is */
};

/* What one step of ws_decode found. */
struct ws_event {
    enum ws_opcode op;  /* WS_OP_TEXT/WS_OP_BINARY: a piece of a message; else a control frame */
    struct str payload; /* unmasked, in the input; a piece may be empty; of a Close: the reason */
    bool last;          /* data: the message ends with this piece */
    bool compressed;    /* data: the whole message is what RFC 7692 7.2.2 makes of its payload */
    int close_code;     /* WS_OP_CLOSE: the peer's code, or WS_CLOSE_NONE */
};

void ws_decoder_init(struct ws_decoder *d); /* takes text alone, not compressed */

/* True between messages: no state to keep. */
static inline bool ws_decoder_is_idle(const struct ws_decoder *d)
{
    return !d->in_frame && d->message_op == 0;
}

/* One step: at most n bytes at p are looked at and unmasked in place.
 * Returns the bytes used (> 0; *ret is set), 0 for "need more" (at most WS_PARTIAL_MAX - 1 bytes
 * are left: a partial head or control frame), or minus a close code: -1002, -1003 (binary, at its
 * head), -1007, -1009 (message longer than max_message, known from the head). Text that is
 * not compressed is checked to be UTF-8 as it arrives. */
int ws_decode(struct ws_decoder *d, char *p, size_t n, uint64_t max_message,
              struct ws_event *ret) EH_MUST_USE;

/* The head of an unmasked, unfragmented frame of n payload bytes; returns its length (2, 4, 10). */
size_t ws_encode_head(char out[WS_HEAD_MAX], enum ws_opcode op, uint64_t n);
/* The message that this head begins is compressed. */
static inline void ws_mark_compressed(char head[WS_HEAD_MAX])
{
    head[0] = (char)(head[0] | WS_COMPRESSED);
}

/* A whole Close frame: code and a reason cut to fit; WS_CLOSE_NONE: empty. Returns its length. */
size_t ws_encode_close(char out[2 + WS_CONTROL_MAX], int code, struct str reason);

/* Codes that a peer may send (RFC 6455 7.4). */
bool ws_close_code_is_valid(int code);

/* A key is 24 characters of base64 that stand for 16 bytes. */
bool ws_key_is_valid(struct str key);
/* Sec-WebSocket-Accept for a valid key (RFC 6455 4.2.2); NUL-terminated. */
void ws_accept(struct str key, char out[WS_ACCEPT_LEN + 1]);

#endif
