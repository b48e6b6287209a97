/* Property: a peer's bytes lead to the same messages, control frames and end whole, in two pieces
 * and byte by byte; and any payload that is encoded as a frame decodes to itself. Both hold for the
 * reader of a client and of a server. */
#include <stdint.h>

#include "base/buf.h"
#include "check.h"
#include "cut.h"
#include "proto/utf8.h"
#include "proto/ws_client.h"

#define MESSAGE_MAX 1000 /* small, so that inputs often reach the limit */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The reading side of a connection, and a log of its messages and control frames. */
struct reader {
    struct ws_decoder decoder;
    struct buf unread;
    struct buf message; /* as far as it has arrived */
    struct buf log;
    int rc;
};

static void reader_init(struct reader *r, bool is_client)
{
    *r = (struct reader){ 0 };
    ws_decoder_init(&r->decoder);
    r->decoder.is_client = is_client;
}

static void reader_done(struct reader *r)
{
    buf_done(&r->unread);
    buf_done(&r->message);
    buf_done(&r->log);
}

static void log_add(struct reader *r, const struct ws_event *ev, struct str payload)
{
    buf_addf(&r->log, "%d %d %zu:", (int)ev->op, ev->close_code, payload.n);
    buf_add_str(&r->log, payload);
}

static void on_event(struct reader *r, const struct ws_event *ev)
{
    if (ev->op != WS_OP_TEXT) {
        check(ev->op >= WS_OP_CLOSE && ev->last && ev->payload.n <= WS_CONTROL_MAX,
              "a control frame is whole and short");
        log_add(r, ev, ev->payload);
        return;
    }
    buf_add_str(&r->message, ev->payload);
    check(buf_used(&r->message) <= MESSAGE_MAX, "a message stays within its limit");
    if (!ev->last)
        return;
    check(utf8_is_valid(buf_str(&r->message)), "text is UTF-8");
    log_add(r, ev, buf_str(&r->message));
    buf_clear(&r->message);
}

static void feed(struct reader *r, const void *p, size_t n)
{
    struct ws_event ev;

    if (r->rc < 0)
        return;
    buf_add(&r->unread, p, n);
    while ((r->rc = ws_decode(&r->decoder, buf_head(&r->unread), buf_used(&r->unread), MESSAGE_MAX,
                              &ev)) > 0) {
        check((size_t)r->rc <= buf_used(&r->unread), "no more bytes are used than there are");
        on_event(r, &ev);
        buf_consume(&r->unread, (size_t)r->rc);
    }
    check(r->rc < 0 || buf_used(&r->unread) < WS_PARTIAL_MAX,
          "at most a partial control frame is left unread");
}

/* After an error the partial message is not compared: its length depends on the cut. */
static void check_same(const struct reader *a, const struct reader *b)
{
    check(a->rc == b->rc, "the end is the same");
    check(str_eq(buf_str(&a->log), buf_str(&b->log)), "the events are the same");
    if (a->rc < 0)
        return;
    check(str_eq(buf_str(&a->message), buf_str(&b->message)), "the partial message is the same");
    check(buf_used(&a->unread) == buf_used(&b->unread), "the unread rest is the same");
}

static void decode_cut(bool is_client, const uint8_t *p, size_t n)
{
    struct reader whole, two, bytes;
    size_t cut = choose_cut(p, n);

    reader_init(&whole, is_client);
    reader_init(&two, is_client);
    reader_init(&bytes, is_client);
    feed(&whole, p, n);
    feed(&two, p, cut);
    feed(&two, p + cut, n - cut);
    for (size_t i = 0; i < n; i++)
        feed(&bytes, p + i, 1);
    check_same(&whole, &two);
    check_same(&whole, &bytes);
    reader_done(&whole);
    reader_done(&two);
    reader_done(&bytes);
}

/* Appends the frame of the other side. */
static void add_frame(struct buf *out, bool is_client, enum ws_opcode op, struct str payload)
{
    static const uint8_t mask[WS_MASK_LEN] = { 0x01, 0x80, 0x7f, 0xfe };
    char head[WS_HEAD_MAX];

    if (!is_client) {
        ws_client_frame(out, op, payload, mask);
        return;
    }
    buf_add(out, head, ws_encode_head(head, op, payload.n));
    buf_add_str(out, payload);
}

static int expected_end(enum ws_opcode op, const uint8_t *p, size_t n)
{
    if (op == WS_OP_PING)
        return n > WS_CONTROL_MAX ? -WS_CLOSE_PROTOCOL : 0;
    if (n > MESSAGE_MAX)
        return -WS_CLOSE_TOO_BIG;
    return utf8_is_valid(str_make((const char *)p, n)) ? 0 : -WS_CLOSE_BAD_DATA;
}

static void round_trip(bool is_client, enum ws_opcode op, const uint8_t *p, size_t n)
{
    struct ws_event want = { .op = op };
    struct buf frame = { 0 };
    struct reader r, log;

    reader_init(&r, is_client);
    reader_init(&log, is_client);
    add_frame(&frame, is_client, op, str_make((const char *)p, n));
    feed(&r, buf_head(&frame), buf_used(&frame));
    check(r.rc == expected_end(op, p, n), "a round trip ends as expected");
    if (r.rc == 0) {
        log_add(&log, &want, str_make((const char *)p, n));
        check(str_eq(buf_str(&r.log), buf_str(&log.log)), "a round trip keeps the payload");
    }
    reader_done(&r);
    reader_done(&log);
    buf_done(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    for (int is_client = 0; is_client <= 1; is_client++) {
        decode_cut(is_client, p, n);
        round_trip(is_client, WS_OP_TEXT, p, n);
        round_trip(is_client, WS_OP_PING, p, n);
    }
    return 0;
}
