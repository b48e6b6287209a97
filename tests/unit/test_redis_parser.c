#include "broker/redis/redis_parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/array.h"
#include "base/buf.h"

static void log_reply(struct buf *log, const redisReply *r)
{
    buf_addf(log, "%d(%lld,%zu,%s", r->type, r->integer, r->len, r->str ? r->str : "-");
    for (size_t i = 0; i < r->elements; i++)
        log_reply(log, r->element[i]);
    buf_add_char(log, ')');
}

/* Logs all replies in the bytes so far. False: the stream has failed. */
static bool read_piece(struct redis_parser *r, struct str piece, struct buf *log)
{
    const redisReply *reply;

    while (redis_parser_next(r, &reply) == EH_OK) {
        if (reply)
            log_reply(log, reply);
        else if (piece.n)
            redis_parser_feed(r, &piece);
        else
            return true;
    }
    return false;
}

static void parses_the_same_replies_wherever_the_stream_is_cut(void **state)
{
    const struct str wire = STR("+OK\r\n:7\r\n$-1\r\n$0\r\n\r\n-ERR no\r\n*-1\r\n*0\r\n"
                                "*3\r\n$2\r\nab\r\n*2\r\n:1\r\n$1\r\nc\r\n:-5\r\n");
    const struct str want = STR("5(0,2,OK)3(7,0,-)4(0,0,-)1(0,0,)6(0,6,ERR no)4(0,0,-)2(0,0,-)"
                                "2(0,0,-1(0,2,ab)2(0,0,-3(1,0,-)1(0,1,c))3(-5,0,-))");

    (void)state;
    for (size_t cut = 0; cut <= wire.n; cut++) {
        struct redis_parser *r = redis_parser_create();
        struct buf log = { 0 };

        assert_true(read_piece(r, str_make(wire.p, cut), &log));
        assert_true(read_piece(r, str_skip(wire, cut), &log));
        assert_true(str_eq(buf_str(&log), want));
        buf_done(&log);
        redis_parser_free(r);
    }
}

static void ends_the_stream_at_bytes_that_are_not_resp2(void **state)
{
    static const char *const cases[] = {
        "hello\r\n",
        ":x\r\n",
        "$x\r\n",
        "%1\r\n+a\r\n:1\r\n",
        "#t\r\n",
        ",1.5\r\n",
        "_\r\n",
        "(12345678901234567890\r\n",
        "~1\r\n:1\r\n",
        "=7\r\ntxt:abc\r\n",
        ">1\r\n:1\r\n",
        "*65537\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_parser *r = redis_parser_create();
        struct buf log = { 0 };

        assert_false(read_piece(r, str_of(cases[i]), &log));
        assert_true(strlen(redis_parser_why(r)) > 0);
        assert_false(read_piece(r, STR("+OK\r\n"), &log));
        redis_parser_reset(r);
        assert_true(read_piece(r, STR("+OK\r\n"), &log));
        assert_true(str_eq(buf_str(&log), STR("5(0,2,OK)")));
        buf_done(&log);
        redis_parser_free(r);
    }
}

static void accepts_arrays_up_to_the_maximum_depth(void **state)
{
    struct redis_parser *r = redis_parser_create();
    struct buf wire = { 0 };
    struct buf log = { 0 };

    (void)state;
    for (int i = 0; i < REDIS_NESTING_MAX; i++)
        buf_add_str(&wire, STR("*1\r\n"));
    buf_add_str(&wire, STR(":1\r\n"));
    assert_true(read_piece(r, buf_str(&wire), &log));
    assert_true(buf_str(&log).n > 0);
    buf_done(&wire);
    buf_done(&log);
    redis_parser_free(r);
}

/* Larger than the first block of memory for replies and than the bytes fed at a time. */
static void parses_a_large_reply_whole(void **state)
{
    struct redis_parser *r = redis_parser_create();
    struct buf wire = { 0 };
    const redisReply *reply = NULL;
    struct str rest;

    (void)state;
    buf_addf(&wire, "*%d\r\n", 1000);
    for (int i = 0; i < 1000; i++)
        buf_addf(&wire, "$300\r\n%0300d\r\n", i);
    buf_add_str(&wire, STR(":1\r\n"));
    rest = buf_str(&wire);
    while (!reply) {
        redis_parser_feed(r, &rest);
        assert_int_equal(redis_parser_next(r, &reply), EH_OK);
    }
    assert_int_equal(reply->elements, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(atoi(reply->element[i]->str), i);
    assert_int_equal(redis_parser_next(r, &reply), EH_OK);
    while (!reply) {
        redis_parser_feed(r, &rest);
        assert_int_equal(redis_parser_next(r, &reply), EH_OK);
    }
    assert_int_equal(reply->integer, 1);
    buf_done(&wire);
    redis_parser_free(r);
}

static void ends_the_stream_at_a_reply_that_is_too_long(void **state)
{
    enum { LIMIT = 64 * 1024 };
    struct redis_parser *r = redis_parser_create();
    struct buf wire = { 0 };
    struct buf log = { 0 };

    (void)state;
    redis_parser_limit(r, LIMIT);
    for (int i = 0; i < LIMIT; i++) /* many replies that are short enough */
        buf_add_str(&wire, STR("+OK\r\n"));
    assert_true(read_piece(r, buf_str(&wire), &log));
    buf_clear(&wire);
    buf_add_str(&wire, STR("*65536\r\n"));
    for (int i = 0; i < LIMIT / 4; i++) /* one that has no end */
        buf_add_str(&wire, STR(":1\r\n"));
    assert_false(read_piece(r, buf_str(&wire), &log) && read_piece(r, buf_str(&wire), &log));
    assert_string_equal(redis_parser_why(r), "the reply is too long");
    assert_false(read_piece(r, STR("+OK\r\n"), &log));
    redis_parser_reset(r);
    assert_true(read_piece(r, STR("+OK\r\n"), &log));
    buf_done(&wire);
    buf_done(&log);
    redis_parser_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_the_same_replies_wherever_the_stream_is_cut),
        cmocka_unit_test(ends_the_stream_at_bytes_that_are_not_resp2),
        cmocka_unit_test(accepts_arrays_up_to_the_maximum_depth),
        cmocka_unit_test(parses_a_large_reply_whole),
        cmocka_unit_test(ends_the_stream_at_a_reply_that_is_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
