#include "proto/deflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <zlib.h>

#include "base/array.h"

#define MAX      (1u << 20)
#define NO_BOUND (2u * MAX)

/* Returns n bytes of text that compresses well: repeated words with random letters in between. */
static char *make_text(size_t n)
{
    static const char words[] = "{\"user\":%,\"price\":%,\"text\":\"the quick brown fox\"}";
    char *text = malloc(n + 1);
    uint32_t seed = 1;

    assert_non_null(text);
    for (size_t i = 0, at = 0; i < n; i++, at = (at + 1) % (sizeof(words) - 1)) {
        seed = seed * 1103515245 + 12345;
        text[i] = words[at] == '%' ? (char)('a' + (seed >> 16) % 26) : words[at];
    }
    return text;
}

static char *make_noise(size_t n)
{
    char *noise = malloc(n + 1);
    uint32_t seed = 1;

    assert_non_null(noise);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1103515245 + 12345;
        noise[i] = (char)(seed >> 16);
    }
    return noise;
}

/* Inflates with plain zlib and a window of that size, as a client does (RFC 7692 7.2.2). */
static void expect_inflates_to(struct str payload, unsigned bits, struct str text)
{
    unsigned char *got = malloc(text.n + 1);
    z_stream z = { 0 };

    assert_non_null(got);
    assert_int_equal(inflateInit2(&z, -(int)bits), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)payload.p;
    z.avail_in = (uInt)payload.n;
    while (z.avail_in) { /* in small pieces, so that zlib needs its window */
        size_t left = text.n + 1 - z.total_out;

        z.next_out = got + z.total_out;
        z.avail_out = left < 100 ? (uInt)left : 100;
        assert_int_equal(inflate(&z, Z_SYNC_FLUSH), Z_OK);
    }
    z.next_in = (Bytef *)(uintptr_t) "\0\0\xff\xff";
    z.avail_in = 4;
    z.next_out = got + z.total_out;
    z.avail_out = (uInt)(text.n + 1 - z.total_out);
    assert_int_equal(inflate(&z, Z_SYNC_FLUSH), Z_OK);
    assert_int_equal(z.avail_in, 0);
    assert_int_equal(z.total_out, text.n);
    assert_memory_equal(got, text.p, text.n);
    assert_int_equal(inflateEnd(&z), Z_OK);
    free(got);
}

static void expect_message(struct inflater *f, struct str payload, size_t max, int rc,
                           struct str text)
{
    struct buf out = { 0 };

    assert_int_equal(inflater_message(f, payload, max, &out), rc);
    assert_true(buf_used(&out) <= max + 1);
    if (rc == EH_OK) {
        assert_int_equal(buf_used(&out), text.n);
        if (text.n)
            assert_memory_equal(buf_head(&out), text.p, text.n);
    }
    buf_done(&out);
}

/* Reuses the same objects for all sizes, which lie around those of windows, chunks and blocks. */
static void restores_texts_of_any_size_with_any_window(void **state)
{
    static const size_t sizes[] = { 0,     1,      2,      100,     255,   256,   257,
                                    511,   512,    513,    4095,    4096,  4097,  8191,
                                    8192,  8193,   32767,  32768,   32769, 65535, 65536,
                                    65537, 131072, 300000, MAX - 1, MAX };
    struct inflater *f = inflater_create();
    char *text = make_text(MAX);

    (void)state;
    for (unsigned bits = 9; bits <= 15; bits++) {
        struct deflater *d = deflater_create(bits);

        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            struct str whole = str_make(text + MAX - sizes[i], sizes[i]);
            struct str parts[2] = { str_make(whole.p, whole.n / 3), str_skip(whole, whole.n / 3) };
            struct buf out = { 0 };

            assert_true(deflater_message(d, parts, 2, NO_BOUND, &out));
            expect_message(f, buf_str(&out), MAX, EH_OK, whole);
            expect_inflates_to(buf_str(&out), bits, whole);
            buf_done(&out);
        }
        deflater_free(d);
    }
    inflater_free(f);
    free(text);
}

/* No message refers to the one before it, so the same text gives the same bytes. */
static void compresses_each_message_on_its_own(void **state)
{
    struct deflater *d = deflater_create(15);
    char *text = make_text(1000);
    struct str part = { text, 1000 };
    struct buf first = { 0 }, second = { 0 };

    (void)state;
    assert_true(deflater_message(d, &part, 1, NO_BOUND, &first));
    assert_true(deflater_message(d, &part, 1, NO_BOUND, &second));
    assert_true(buf_used(&first) < 500);
    assert_true(str_eq(buf_str(&first), buf_str(&second)));
    buf_done(&first);
    buf_done(&second);
    deflater_free(d);
    free(text);
}

/* A message that is longer than the bound is left out; earlier bytes in the buffer stay. */
static void writes_no_more_than_the_bound(void **state)
{
    struct deflater *d = deflater_create(15);
    char *text = make_text(5000), *noise = make_noise(5000);
    struct str part = { text, 5000 };
    struct buf out = { 0 };
    size_t n;

    (void)state;
    buf_add_str(&out, STR("before"));
    assert_true(deflater_message(d, &part, 1, NO_BOUND, &out));
    n = buf_used(&out) - 6;
    for (size_t most = 1; most < n + 10; most++) {
        buf_clear(&out);
        buf_add_str(&out, STR("before"));
        assert_int_equal(deflater_message(d, &part, 1, most, &out), most >= n);
        assert_int_equal(buf_used(&out), most >= n ? n + 6 : 6);
    }
    part.p = noise;
    assert_false(deflater_message(d, &part, 1, 5000, &out));
    buf_done(&out);
    deflater_free(d);
    free(text);
    free(noise);
}

/* Subscribers share the compressed part; each has its own stored part before it. */
static void continues_after_a_stored_block(void **state)
{
    static const size_t sizes[] = { 0, 1, 7, 255, 256, 300, 65535 };
    char *text = make_text(70000);
    struct str rest = { text + 66000, 4000 };

    (void)state;
    for (unsigned bits = 9; bits <= 15; bits++) {
        struct deflater *d = deflater_create(bits);

        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            char head[DEFLATE_STORED_HEAD];
            struct buf out = { 0 }, whole = { 0 };

            deflate_stored_head(head, sizes[i]);
            buf_add(&out, head, sizeof(head));
            buf_add(&out, text, sizes[i]);
            assert_true(deflater_message(d, &rest, 1, NO_BOUND, &out));
            buf_add(&whole, text, sizes[i]);
            buf_add_str(&whole, rest);
            expect_inflates_to(buf_str(&out), bits, buf_str(&whole));
            buf_done(&out);
            buf_done(&whole);
        }
        deflater_free(d);
    }
    free(text);
}

#define BYTES(literal) ((struct str){ "" literal, sizeof(literal) - 1 })

/* The examples of RFC 7692 7.2.3, and malformed messages. */
static void inflates_valid_and_refuses_malformed_messages(void **state)
{
    static const struct {
        struct str payload;
        const char *text; /* NULL: refused */
    } cases[] = {
        { { "\xf2\x48\xcd\xc9\xc9\x07\x00", 7 }, "Hello" },
        { { "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11 }, "Hello" }, /* stored */
        { { "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8 }, "Hello" },              /* final */
        { { "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13 },
          "Hello" }, /* two blocks */
        { { "\x00", 1 }, "" },
        { { "\x02\x00", 2 }, "" },     /* an empty block with fixed codes */
        { { "\x03\x00\x00", 3 }, "" }, /* the same, final */
        { { "", 0 }, NULL },
        { { "\xf2\x48\xcd\xc9\xc9\x07", 6 }, NULL }, /* the end is missing */
        { { "\xf2\x48\xcd\xc9\xc9", 5 }, NULL },
        { { "\xf2\x48\xcd", 3 }, NULL },
        { { "\xf3\x48\xcd\xc9\xc9\x07\x00", 7 }, NULL }, /* final, with no block after it */
        { { "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f", 10 }, NULL },
        { { "\x00\x05\x00\xfa\xfe\x48\x65\x6c\x6c\x6f\x00", 11 }, NULL }, /* lengths disagree */
        { { "\x06", 1 }, NULL }, /* a reserved block type */
        { { "Hello", 5 }, NULL },
        { { "\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff", 11 }, NULL }, /* with the tail */
        { { "\x02\x22\x00\x00", 4 }, NULL }, /* refers to bytes before the start */
        { { "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 10 }, NULL }, /* gzip */
        { { "\x78\x9c\xf3\x48\xcd\xc9\xc9\x07\x00", 9 }, NULL },      /* zlib */
    };
    struct inflater *f = inflater_create();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str text = str_of(cases[i].text ? cases[i].text : "");

        expect_message(f, cases[i].payload, MAX, cases[i].text ? EH_OK : EH_EINVAL, text);
    }
    /* the refused messages left no state behind */
    expect_message(f, cases[0].payload, MAX, EH_OK, STR("Hello"));
    inflater_free(f);
}

static void refuses_truncated_messages(void **state)
{
    struct deflater *d = deflater_create(15);
    struct inflater *f = inflater_create();
    char *text = make_text(3000);
    struct str part = { text, 3000 };
    struct buf out = { 0 };

    (void)state;
    assert_true(deflater_message(d, &part, 1, NO_BOUND, &out));
    for (size_t n = 0; n < buf_used(&out); n++)
        expect_message(f, str_make(buf_head(&out), n), MAX, EH_EINVAL, STR(""));
    expect_message(f, buf_str(&out), MAX, EH_OK, part);
    buf_done(&out);
    deflater_free(d);
    inflater_free(f);
    free(text);
}

static void inflates_no_more_than_the_bound(void **state)
{
    static const size_t sizes[] = { 1, 4095, 4096, 4097, 8192, 100000 };
    struct deflater *d = deflater_create(15);
    struct inflater *f = inflater_create();
    char *zeros = calloc(1, 64 * MAX);

    (void)state;
    assert_non_null(zeros);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct str part = { zeros, sizes[i] };
        struct buf out = { 0 };

        assert_true(deflater_message(d, &part, 1, NO_BOUND, &out));
        expect_message(f, buf_str(&out), sizes[i], EH_OK, part);
        expect_message(f, buf_str(&out), sizes[i] - 1, EH_ELIMIT, part);
        buf_done(&out);
    }
    { /* 300 KiB that would inflate to 64 MiB stop at the bound */
        struct str bomb = { zeros, 64 * MAX };
        struct buf out = { 0 }, text = { 0 };

        assert_true(deflater_message(d, &bomb, 1, NO_BOUND, &out));
        assert_true(buf_used(&out) < 64 * MAX / 200);
        assert_int_equal(inflater_message(f, buf_str(&out), 10000, &text), EH_ELIMIT);
        assert_int_equal(buf_used(&text), 10001);
        assert_true(text.cap <= 20000);
        buf_done(&out);
        buf_done(&text);
    }
    deflater_free(d);
    inflater_free(f);
    free(zeros);
}

/* The block after a final one may refer to text before it. A message has at most 64 of them. */
static void limits_the_number_of_final_blocks(void **state)
{
    struct inflater *f = inflater_create();
    struct buf in = { 0 }, text = { 0 };

    (void)state;
    buf_add_str(&in, BYTES("\x01\x03\x00\xfc\xff"
                           "abc"));          /* stored, final */
    buf_add_str(&in, BYTES("\x03\x22\x00")); /* a match of 3, 3 back; final */
    buf_add_str(&in, BYTES("\x00"));
    expect_message(f, buf_str(&in), MAX, EH_OK, STR("abcabc"));

    for (unsigned n = 0; n < 100; n++) {
        buf_clear(&in);
        for (unsigned i = 0; i < n; i++) {
            buf_add_str(&in, BYTES("\x01\x01\x00\xfe\xff"
                                   "x"));
            if (i + 1 == n)
                buf_add_char(&text, 'x');
        }
        buf_add_char(&in, '\0');
        expect_message(f, buf_str(&in), MAX, n <= 64 ? EH_OK : EH_EINVAL, buf_str(&text));
    }
    buf_done(&in);
    buf_done(&text);
    inflater_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restores_texts_of_any_size_with_any_window),
        cmocka_unit_test(compresses_each_message_on_its_own),
        cmocka_unit_test(writes_no_more_than_the_bound),
        cmocka_unit_test(continues_after_a_stored_block),
        cmocka_unit_test(inflates_valid_and_refuses_malformed_messages),
        cmocka_unit_test(refuses_truncated_messages),
        cmocka_unit_test(inflates_no_more_than_the_bound),
        cmocka_unit_test(limits_the_number_of_final_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
