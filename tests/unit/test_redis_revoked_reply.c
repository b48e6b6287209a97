#include "broker/redis/redis_revoked_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/array.h"

/* Parses the bytes of a reply (RESP2). */
static redisReply *reply_of(const char *wire)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;

    assert_int_equal(redisReaderFeed(reader, wire, strlen(wire)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

#define NUMBERS "$2\r\n17\r\n$0\r\n\r\n" /* the last change; no further page */

static void reads_a_page(void **state)
{
    redisReply *r = reply_of("*8\r\n"
                             "$2\r\n99\r\n$2\r\n42\r\n"
                             "$4\r\nj:t1\r\n$1\r\n0\r\n$3\r\n500\r\n"
                             "$5\r\ns:ann\r\n$2\r\n10\r\n$3\r\n600\r\n");
    struct redis_revoked_page page;
    struct revocation v;

    (void)state;
    assert_int_equal(redis_revoked_reply(r, &page), EH_OK);
    assert_int_equal(page.last, 99);
    assert_int_equal(page.next, 42);
    assert_int_equal(page.n, 2);
    assert_int_equal(redis_revoked_entry(r, 0, &v), EH_OK);
    assert_int_equal(v.kind, REVOKED_ID);
    assert_true(str_eq(v.name, STR("t1")));
    assert_int_equal(v.until_ms, 500);
    assert_int_equal(redis_revoked_entry(r, 1, &v), EH_OK);
    assert_int_equal(v.kind, REVOKED_SUB);
    assert_true(str_eq(v.name, STR("ann")));
    assert_int_equal(v.before_ms, 10);
    freeReplyObject(r);
    r = reply_of("*2\r\n" NUMBERS);
    assert_int_equal(redis_revoked_reply(r, &page), EH_OK);
    assert_int_equal(page.next, 0);
    assert_int_equal(page.n, 0);
    freeReplyObject(r);
}

static void refuses_other_pages(void **state)
{
    static const char *const wires[] = {
        "-ERR no\r\n",
        "+OK\r\n",
        "*0\r\n",
        "*1\r\n$1\r\n1\r\n",
        "*2\r\n$1\r\nx\r\n$0\r\n\r\n",
        "*2\r\n$1\r\n1\r\n$1\r\nx\r\n",
        "*2\r\n:1\r\n$0\r\n\r\n",
        "*3\r\n" NUMBERS "$1\r\na\r\n",
        "*2\r\n$-1\r\n$0\r\n\r\n",
        "*2\r\n$1\r\n1\r\n-ERR 5\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wires); i++) {
        redisReply *r = reply_of(wires[i]);
        struct redis_revoked_page page;

        assert_int_equal(redis_revoked_reply(r, &page), EH_EINVAL);
        freeReplyObject(r);
    }
}

static void refuses_other_entries(void **state)
{
    static const char *const entries[] = {
        "$2\r\nj:\r\n$1\r\n0\r\n$1\r\n5\r\n", "$3\r\nx:a\r\n$1\r\n0\r\n$1\r\n5\r\n",
        "$1\r\nj\r\n$1\r\n0\r\n$1\r\n5\r\n",  "$3\r\nj:a\r\n$1\r\n-\r\n$1\r\n5\r\n",
        "$3\r\nj:a\r\n$1\r\n0\r\n$0\r\n\r\n", "$3\r\nj:a\r\n$1\r\n0\r\n$4\r\n-nan\r\n",
        "$-1\r\n$1\r\n0\r\n$1\r\n5\r\n",      ":7\r\n$1\r\n0\r\n$1\r\n5\r\n",
        "$3\r\nj:a\r\n*0\r\n$1\r\n5\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        char wire[128] = "*5\r\n" NUMBERS;
        struct redis_revoked_page page;
        struct revocation v;
        redisReply *r;

        strcat(wire, entries[i]);
        r = reply_of(wire);
        assert_int_equal(redis_revoked_reply(r, &page), EH_OK);
        assert_int_equal(redis_revoked_entry(r, 0, &v), EH_EINVAL);
        freeReplyObject(r);
    }
}

static void reads_whether_there_was_room(void **state)
{
    static const struct {
        const char *wire;
        int want;
        bool full;
    } cases[] = {
        { ":1\r\n", EH_OK, false },
        { ":0\r\n", EH_OK, true },
        { "+OK\r\n", EH_EINVAL, false },
        { "-ERR x\r\n", EH_EINVAL, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redisReply *r = reply_of(cases[i].wire);
        bool full = false;

        assert_int_equal(redis_revoke_reply(r, &full), cases[i].want);
        assert_int_equal(full, cases[i].full);
        freeReplyObject(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_page),
        cmocka_unit_test(refuses_other_pages),
        cmocka_unit_test(refuses_other_entries),
        cmocka_unit_test(reads_whether_there_was_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
