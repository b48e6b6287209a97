/* Property: the decoder finds the same body however the input is cut, and reads back any body
 * that is encoded in chunks. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/shared.h"
#include "proto/http_chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define MAX_DROPPED 64 /* small, so that inputs often reach the limit */

struct result {
    struct buf body;
    size_t used;
    int error;
    bool done;
};

static void feed(struct http_chunked *d, struct str in, struct result *r)
{
    while (in.n && !r->done) {
        struct str data;
        int used = http_chunked_decode(d, in, MAX_DROPPED, &data);

        if (used < 0) {
            r->error = used;
            return;
        }
        if (used == 0 || (size_t)used > in.n)
            abort();
        buf_add_str(&r->body, data);
        in = str_skip(in, (size_t)used);
        r->used += (size_t)used;
        r->done = http_chunked_is_done(d);
    }
}

/* Decodes the input in pieces of `piece` bytes, after a first one of `first`. Each piece is a
 * copy of its exact size. */
static struct result decode(const uint8_t *p, size_t n, size_t first, size_t piece)
{
    struct http_chunked d = { 0 };
    struct result r = { 0 };

    for (size_t size = first; r.used < n && !r.done && r.error == 0; size = piece) {
        struct str rest = { (const char *)p + r.used, n - r.used };
        struct bytes *copy = bytes_copy(str_make(rest.p, size < rest.n ? size : rest.n));

        feed(&d, bytes_str(copy), &r);
        shared_unref(&copy->shared);
    }
    return r;
}

/* After an error the bytes used are not compared, since a step that fails has no result. */
static void check_same(const struct result *a, struct result b)
{
    if (a->error != b.error || a->done != b.done || (!a->error && a->used != b.used))
        abort();
    if (!a->error && !str_eq(buf_str(&a->body), buf_str(&b.body)))
        abort();
    buf_done(&b.body);
}

static void check_round_trip(struct str body, size_t chunk)
{
    struct buf out = { 0 };
    struct result r;

    for (struct str rest = body; rest.n;) {
        size_t n = chunk < rest.n ? chunk : rest.n;

        buf_addf(&out, "%zx\r\n", n);
        buf_add(&out, rest.p, n);
        buf_addf(&out, "\r\n");
        rest = str_skip(rest, n);
    }
    buf_addf(&out, "0\r\n\r\nnext");
    r = decode((const uint8_t *)buf_head(&out), buf_used(&out), buf_used(&out), 1);
    if (!r.done || r.used != buf_used(&out) - 4 || !str_eq(buf_str(&r.body), body))
        abort();
    buf_done(&r.body);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct result whole;

    if (n == 0)
        return 0;
    whole = decode(p + 1, n - 1, n, n);
    check_same(&whole, decode(p + 1, n - 1, 1, 1));
    check_same(&whole, decode(p + 1, n - 1, 1 + p[0], n));
    check_same(&whole, decode(p + 1, n - 1, 1, 1 + p[0] % 16u));
    buf_done(&whole.body);
    check_round_trip(str_make((const char *)p + 1, n - 1), 1 + p[0]);
    return 0;
}
