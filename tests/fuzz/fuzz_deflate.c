/* Property: a message never inflates beyond its bound, and any text survives a round trip
 * through any window, cut in two anywhere, after a stored block.
 * The input serves as a compressed message, as a text, and as a Sec-WebSocket-Extensions field.
 * Of a field, the agreed window is valid and does not depend on other extensions in the list. */
#include <stdint.h>

#include "check.h"
#include "proto/deflate.h"
#include "proto/ws_deflate.h"

#define TEXT_MAX 100000

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* ---- a field ---- */

static int negotiate(struct str before, struct str field, struct str after, struct ws_deflate *ret)
{
    struct buf whole = { 0 };
    int rc;

    *ret = (struct ws_deflate){ 0 };
    buf_add_str(&whole, before);
    buf_add_str(&whole, field);
    buf_add_str(&whole, after);
    rc = ws_deflate_read(buf_str(&whole), ret);
    buf_done(&whole);
    return rc;
}

static void check_field(struct str field)
{
    struct ws_deflate alone, listed, again = { 0 };
    struct buf answer = { 0 };

    if (negotiate(STR(""), field, STR(""), &alone) < 0)
        return;
    check(negotiate(STR("a; b=\"c\" ,"), field, STR(" ,d"), &listed) == EH_OK,
          "a field stays valid within a longer list");
    check(alone.window_bits == listed.window_bits, "other extensions do not change the window");
    check(alone.is_window_offered == listed.is_window_offered,
          "other extensions do not offer a window");
    if (!alone.window_bits)
        return;
    check(alone.window_bits >= WS_DEFLATE_MIN_BITS && alone.window_bits <= WS_DEFLATE_MAX_BITS,
          "the window is valid");
    ws_deflate_add_answer(&alone, &answer);
    check(ws_deflate_read(buf_str(&answer), &again) == EH_OK, "the answer is well-formed");
    check(again.window_bits == alone.window_bits, "the answer names the agreed window");
    buf_done(&answer);
}

/* ---- messages ---- */

static void expect_text(struct inflater *f, struct str payload, struct str text)
{
    struct buf out = { 0 };

    check(inflater_message(f, payload, text.n, &out) == EH_OK,
          "a message inflates to its own size");
    check(str_eq(buf_str(&out), text), "the text is the same");
    buf_done(&out);
    if (text.n == 0)
        return;
    check(inflater_message(f, payload, text.n - 1, &out) == EH_ELIMIT,
          "a message does not inflate to less");
    check(buf_used(&out) <= text.n, "output exceeds the bound by at most one byte");
    buf_done(&out);
}

static unsigned hash_of(struct str s)
{
    unsigned hash = (unsigned)s.n;

    for (size_t i = 0; i < s.n; i++)
        hash = hash * 31 + (uint8_t)s.p[i];
    return hash;
}

static void check_text(struct inflater *f, struct str text)
{
    unsigned hash = hash_of(text);
    size_t stored = hash % (text.n + 1) & DEFLATE_STORED_MAX;
    struct str rest = str_skip(text, stored);
    size_t cut = hash / 7 % (rest.n + 1);
    struct str parts[] = { str_make(rest.p, cut), str_skip(rest, cut) };
    struct deflater *d = deflater_create(9 + hash % 7);
    char head[DEFLATE_STORED_HEAD];
    struct buf message = { 0 };

    deflate_stored_head(head, stored);
    buf_add(&message, head, sizeof(head));
    buf_add(&message, text.p, stored);
    check(deflater_message(d, parts, 2, 2 * TEXT_MAX, &message), "the message fits");
    expect_text(f, buf_str(&message), text);
    buf_done(&message);
    deflater_free(d);
}

static void check_payload(struct inflater *f, struct str payload)
{
    struct buf out = { 0 };
    int rc = inflater_message(f, payload, TEXT_MAX, &out);

    check(buf_used(&out) <= TEXT_MAX + 1, "output exceeds the bound by at most one byte");
    if (rc == EH_OK) {
        expect_text(f, payload, buf_str(&out));
        check_text(f, buf_str(&out));
    }
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct str input = str_make((const char *)p, n);
    struct inflater *f = inflater_create();

    check_field(input);
    check_payload(f, input);
    if (n <= TEXT_MAX)
        check_text(f, input);
    inflater_free(f);
    return 0;
}
