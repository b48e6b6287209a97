#include "proto/http_chunked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"

#define MAX_DROPPED 32

/* Decodes in.n bytes; returns how many were used, or the error. */
static int feed(struct http_chunked *d, struct str in, struct buf *body)
{
    int total = 0;

    while (in.n && !http_chunked_is_done(d)) {
        struct str data;
        int used = http_chunked_decode(d, in, MAX_DROPPED, &data);

        if (used < 0)
            return used;
        assert_in_range(used, 1, in.n);
        buf_add_str(body, data);
        in = str_skip(in, (size_t)used);
        total += used;
    }
    return total;
}

/* Decodes the input in two pieces. */
static int decode_cut(struct str in, size_t cut, struct buf *body, bool *ret_done)
{
    struct http_chunked d = { 0 };
    int first = feed(&d, str_make(in.p, cut), body);
    int second = first < 0 ? 0 : feed(&d, str_skip(in, cut), body);

    *ret_done = http_chunked_is_done(&d);
    if (first < 0)
        return first;
    return second < 0 ? second : first + second;
}

static void decodes_bodies_wherever_they_are_cut(void **state)
{
    static const struct {
        struct str in;
        const char *want;
        int left; /* bytes after the body */
    } cases[] = {
        { STR("0\r\n\r\n"), "", 0 },
        { STR("5\r\nhello\r\n0\r\n\r\n"), "hello", 0 },
        { STR("5\r\nhello\r\n0\r\n\r\nGET /"), "hello", 5 },
        { STR("1\r\nh\r\n4\r\nello\r\n0\r\n\r\n"), "hello", 0 },
        { STR("A\r\n0123456789\r\na\r\n0123456789\r\n00\r\n\r\n"), "01234567890123456789", 0 },
        { STR("0000000000000001\r\nx\r\n0\r\n\r\n"), "x", 0 },
        { STR("2\r\n\r\n\r\n0\r\n\r\n"), "\r\n", 0 },
        { STR("1;a=b;c=\"d e\"\r\nx\r\n0;z\r\n\r\n"), "x", 0 },
        { STR("1;\r\nx\r\n0\r\n\r\n"), "x", 0 },
        { STR("1 \t;a\r\nx\r\n0\t;\r\n\r\n"), "x", 0 },
        { STR("1\r\nx\r\n0\r\nA: b\r\nC:\td\xff\r\n\r\n"), "x", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t cut = 0; cut <= cases[i].in.n; cut++) {
            struct buf body = { 0 };
            bool done;
            int used = decode_cut(cases[i].in, cut, &body, &done);

            if (!done || used != (int)cases[i].in.n - cases[i].left ||
                !str_eq(buf_str(&body), str_of(cases[i].want)))
                fail_msg("'%.*s' cut at %zu: %d", STR_ARG(cases[i].in), cut, used);
            buf_done(&body);
        }
    }
}

static void refuses_malformed_bodies_wherever_they_are_cut(void **state)
{
    static const struct {
        struct str in;
        int want;
    } cases[] = {
        { STR("x"), -400 },
        { STR("\r\n"), -400 },
        { STR("-1\r\n"), -400 },
        { STR("+1\r\n"), -400 },
        { STR("0x1\r\n"), -400 },
        { STR(" 1\r\n"), -400 },
        { STR("1 \r\n"), -400 },
        { STR("1 x\r\n"), -400 },
        { STR("1\t\n"), -400 },
        { STR(";a\r\n"), -400 },
        { STR("1\n"), -400 },
        { STR("1\rx"), -400 },
        { STR("1;a\n"), -400 },
        { STR("1;a\0b\r\n"), -400 },
        { STR("1\r\nxy"), -400 },
        { STR("1\r\nx\n"), -400 },
        { STR("1\r\nx\rx"), -400 },
        { STR("1\r\nx\r\n\r\n"), -400 },
        { STR("0\r\n\n"), -400 },
        { STR("0\r\nA: b\n"), -400 },
        { STR("0\r\n\rx"), -400 },
        { STR("0\r\nA\0\r\n"), -400 },
        { STR("00000000000000001\r\n"), -400 },
        { STR("10000000000000000\r\n"), -400 },
        { STR("1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), -431 },
        { STR("1                                        "), -431 },
        { STR("0\r\nA: aaaaaaaaaaaaaaaa\r\nB: aaaaaaaaaaaaaaaaaaa"), -431 },
        { STR("1;aaaaaaaaaaaaaaaa\r\nx\r\n1;aaaaaaaaaaaaaaaa\r\n"), -431 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t cut = 0; cut <= cases[i].in.n; cut++) {
            struct buf body = { 0 };
            bool done;
            int rc = decode_cut(cases[i].in, cut, &body, &done);

            if (rc != cases[i].want || done)
                fail_msg("'%.*s' cut at %zu: %d", STR_ARG(cases[i].in), cut, rc);
            buf_done(&body);
        }
    }
}

static void waits_for_the_rest_of_a_body(void **state)
{
    struct str in = STR("2;a\r\nxy\r\n0\r\nA: b\r\n\r\n");

    (void)state;
    for (size_t n = 0; n < in.n; n++) {
        struct buf body = { 0 };
        bool done;

        assert_int_equal(decode_cut(str_make(in.p, n), n / 2, &body, &done), n);
        assert_false(done);
        buf_done(&body);
    }
}

static void reports_a_size_before_its_data(void **state)
{
    struct str size = STR("fFfffffFfffffffF;x\r\n");
    struct http_chunked d = { 0 };
    struct str data;

    (void)state;
    for (size_t i = 0; i < size.n; i++) {
        assert_true(http_chunked_announced(&d) == 0); /* more digits may follow */
        assert_int_equal(http_chunked_decode(&d, str_make(size.p + i, 1), MAX_DROPPED, &data), 1);
    }
    assert_true(http_chunked_announced(&d) == UINT64_MAX);
    assert_int_equal(data.n, 0);
    assert_int_equal(http_chunked_decode(&d, STR("abc"), MAX_DROPPED, &data), 3);
    assert_true(http_chunked_announced(&d) == UINT64_MAX - 3);
    assert_true(str_eq(data, STR("abc")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_bodies_wherever_they_are_cut),
        cmocka_unit_test(refuses_malformed_bodies_wherever_they_are_cut),
        cmocka_unit_test(waits_for_the_rest_of_a_body),
        cmocka_unit_test(reports_a_size_before_its_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
