/* Property: a response is read the same whole, in two pieces and byte by byte: its head, its body,
 * and where it ends; the limits hold; and only a handshake that its own key belongs to is accepted. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "check.h"
#include "cut.h"
#include "proto/ws_client.h"

/* Small, so that inputs often reach the limits. */
#define HEAD_MAX 1024
#define BODY_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The reading side of a connection. */
struct reader {
    struct http_reply_parser parser;
    struct buf head; /* all input until the end of the head */
    struct http_reply reply;
    struct http_body body;
    struct buf data;
    size_t used; /* by head and body */
    int rc;      /* the first error, or > 0 once the head is read */
};

static void reader_done(struct reader *r)
{
    buf_done(&r->head);
    buf_done(&r->data);
}

static void take_body(struct reader *r, struct str in)
{
    while (in.n && !http_body_is_done(&r->body)) {
        struct str data;
        int used = http_body_take(&r->body, in, &data);

        if (used < 0) {
            r->rc = used;
            return;
        }
        check(used > 0 && (size_t)used <= in.n && data.n <= (size_t)used,
              "a step is within the input");
        buf_add_str(&r->data, data);
        check(buf_used(&r->data) <= BODY_MAX, "a body stays within its limit");
        r->used += (size_t)used;
        in = str_skip(in, (size_t)used);
    }
}

static void take_head(struct reader *r, struct str in)
{
    int rc;

    buf_add_str(&r->head, in);
    r->rc = http_reply_parse(&r->parser, buf_str(&r->head), HEAD_MAX, &r->reply);
    if (r->rc <= 0)
        return;
    check(r->rc <= HEAD_MAX && (size_t)r->rc <= buf_used(&r->head), "a head is within its limit");
    r->used = (size_t)r->rc;
    rc = http_body_begin(&r->body, &r->reply, BODY_MAX);
    if (rc < 0)
        r->rc = rc;
    else
        take_body(r, str_skip(buf_str(&r->head), r->used));
}

static void feed(struct reader *r, const uint8_t *p, size_t n)
{
    struct str in = { (const char *)p, n };

    if (r->rc == 0)
        take_head(r, in);
    else if (r->rc > 0)
        take_body(r, in);
}

/* After an error the body is not compared: how much of it was taken depends on the cut. */
static void check_same(const struct reader *a, const struct reader *b)
{
    check(a->rc == b->rc, "the end is the same");
    if (a->rc <= 0)
        return;
    check(a->used == b->used, "the response ends at the same byte");
    check(a->reply.status == b->reply.status && a->reply.minor == b->reply.minor &&
              a->reply.framing == b->reply.framing &&
              a->reply.content_length == b->reply.content_length &&
              a->reply.n_headers == b->reply.n_headers && str_eq(a->reply.reason, b->reply.reason),
          "the head is the same");
    for (size_t i = 0; i < a->reply.n_headers; i++)
        check(str_eq(a->reply.headers[i].name, b->reply.headers[i].name) &&
                  str_eq(a->reply.headers[i].value, b->reply.headers[i].value),
              "the field is the same");
    check(str_eq(buf_str(&a->data), buf_str(&b->data)), "the body is the same");
    check(http_body_is_done(&a->body) == http_body_is_done(&b->body) &&
              http_body_may_end(&a->body) == http_body_may_end(&b->body),
          "the body ends the same");
}

static void check_handshake(const struct http_reply *r)
{
    const struct ws_handshake h = { .nonce = "the sample nonc\x65" };

    if (ws_client_check(&h, r))
        return;
    check(r->status == 101, "an accepted handshake is 101");
    check(str_eq(http_reply_header(r, STR("Sec-WebSocket-Accept")),
                 STR("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
          "an accepted handshake has our key");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct reader whole, two, bytes;
    size_t cut = choose_cut(p, n);

    whole = two = bytes = (struct reader){ 0 };
    feed(&whole, p, n);
    feed(&two, p, cut);
    feed(&two, p + cut, n - cut);
    for (size_t i = 0; i < n; i++)
        feed(&bytes, p + i, 1);
    check_same(&whole, &two);
    check_same(&whole, &bytes);
    if (whole.rc > 0)
        check_handshake(&whole.reply);
    reader_done(&whole);
    reader_done(&two);
    reader_done(&bytes);
    return 0;
}
