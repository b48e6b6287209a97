/* ws.h - WebSocket (RFC 6455): decodes frames of a client or a server, encodes frame heads of a
 * server (ws_client.h has those of a client), computes the accept key, and handles the bit that
 * marks a compressed message (RFC 7692).
 * Thread:  any; pure.
 * Owns:    nothing; payload views point into the input, which is unmasked in place.
 * Sizes:   a message that is too large is refused at the head of its frame, before the caller
 *          allocates memory for its payload.
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
    WS_CLOSE_NONE = 1005, /* a Close without a code; never sent */
    WS_CLOSE_BAD_DATA = 1007,
    WS_CLOSE_POLICY = 1008,
    WS_CLOSE_TOO_BIG = 1009,
    WS_CLOSE_TRY_AGAIN = 1013,
};

#define WS_CONTROL_MAX 125  /* payload of a control frame, RFC 6455 5.5 */
#define WS_HEAD_MAX    10   /* head of a frame that a server sends, which is never masked */
#define WS_IN_HEAD_MAX 14   /* head of a frame that a client sends */
#define WS_MASK_LEN    4    /* the end of a client's head */
#define WS_MASKED      0x80 /* bit of a head's second byte */
#define WS_KEY_LEN     24
#define WS_ACCEPT_LEN  28
#define WS_COMPRESSED  0x40 /* RSV1 in a message's first frame, RFC 7692 6 */
#define WS_PARTIAL_MAX (WS_IN_HEAD_MAX + WS_CONTROL_MAX) /* ws_decode leaves fewer bytes unread */

/* The state of one connection's byte stream, in 32 bytes. After ws_decoder_init the caller sets
 * `is_client`, `binary` and `deflate`. */
struct ws_decoder {
    uint64_t left;          /* payload bytes of the current data frame still to come */
    uint64_t message_bytes; /* announced so far for the current message */
    uint32_t utf8;          /* state of the current text message (utf8.h) */
    uint8_t mask[4];        /* rotated to the next byte */
    uint8_t message_op;     /* WS_OP_TEXT or WS_OP_BINARY while inside a message, else 0 */
    bool fin;               /* of the current data frame */
    bool in_frame;
    bool binary;     /* accepts binary messages; otherwise they are -1003 */
    bool deflate;    /* accepts compressed messages; otherwise their bit is -1002 */
    bool compressed; /* the current message is compressed */
    bool is_client;  /* we are the client: a masked frame is -1002; otherwise an unmasked one is */
};

/* The result of one step of ws_decode. */
struct ws_event {
    enum ws_opcode op;  /* WS_OP_TEXT/WS_OP_BINARY: a piece of a message; else a control frame */
    struct str payload; /* unmasked, in the input; a piece may be empty; in a Close, the reason */
    bool last;          /* data: the message ends with this piece */
    bool compressed;    /* data: the message must be decompressed (RFC 7692 7.2.2) */
    int close_code;     /* WS_OP_CLOSE: the peer's code, or WS_CLOSE_NONE */
};

void ws_decoder_init(struct ws_decoder *d); /* a server's; accepts only text, uncompressed */

/* Reports whether it is between messages, with no state to keep. */
static inline bool ws_decoder_is_idle(const struct ws_decoder *d)
{
    return !d->in_frame && d->message_op == 0;
}

/* XORs n bytes with the mask, and rotates the mask to the byte after them. */
void ws_mask(uint8_t mask[WS_MASK_LEN], char *p, size_t n);

/* Takes one step: reads at most n bytes at p, and unmasks payload in place. Returns the bytes used
 * (> 0; *ret is set), 0 for "need more" (at most WS_PARTIAL_MAX - 1 bytes are left: a partial head
 * or control frame), or minus a close code: -1002, -1003 (a binary message, at its head), -1007,
 * -1009 (a message longer than max_message, at the head). Checks that uncompressed text is UTF-8 as
 * it arrives. */
int ws_decode(struct ws_decoder *d, char *p, size_t n, uint64_t max_message,
              struct ws_event *ret) EH_MUST_USE;

/* Writes the head of an unmasked, unfragmented frame of n payload bytes; returns its length (2, 4,
 * 10). */
size_t ws_encode_head(char out[WS_HEAD_MAX], enum ws_opcode op, uint64_t n);
/* Marks the message that begins with this head as compressed. */
static inline void ws_mark_compressed(char head[WS_HEAD_MAX])
{
    head[0] = (char)(head[0] | WS_COMPRESSED);
}

/* Writes a whole Close frame, with the reason truncated to fit. WS_CLOSE_NONE: it is empty. Returns
 * its length. */
size_t ws_encode_close(char out[2 + WS_CONTROL_MAX], int code, struct str reason);

/* Reports whether a peer may send this code (RFC 6455 7.4). */
bool ws_close_code_is_valid(int code);

/* Accepts 24 characters of base64 that encode 16 bytes. */
bool ws_key_is_valid(struct str key);
/* Computes Sec-WebSocket-Accept for a valid key (RFC 6455 4.2.2); NUL-terminated. */
void ws_accept(struct str key, char out[WS_ACCEPT_LEN + 1]);

#endif
