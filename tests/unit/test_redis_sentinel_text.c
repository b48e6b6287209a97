#include "broker/redis/redis_sentinel_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/array.h"
#include "broker/redis/redis_endpoint.h"

/* Reads the answer in these bytes, which are one whole reply. */
static int read_wire(struct str wire, struct redis_sentinel_master *ret)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    int rc;

    assert_int_equal(redisReaderFeed(reader, wire.p, wire.n), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    rc = redis_sentinel_read_master(reply, ret);
    freeReplyObject(reply);
    redisReaderFree(reader);
    return rc;
}

#define IP_PORT "$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nport\r\n$4\r\n6379\r\n"

static void reads_the_answer_of_a_sentinel(void **state)
{
    static const struct str wire =
        STR("*14\r\n$4\r\nname\r\n$2\r\nip\r\n" IP_PORT "$5\r\nflags\r\n$20\r\nmaster,s_down,o_down"
            "\r\n$12\r\nconfig-epoch\r\n$2\r\n17\r\n$19\r\nnum-other-sentinels\r\n$1\r\n2\r\n"
            "$6\r\nquorum\r\n:2\r\n");
    struct redis_sentinel_master m;

    (void)state;
    assert_int_equal(read_wire(wire, &m), EH_OK);
    assert_string_equal(m.endpoint.host, "127.0.0.1");
    assert_int_equal(m.endpoint.port, 6379);
    assert_int_equal(m.epoch, 17);
}

static void needs_no_more_than_an_endpoint(void **state)
{
    struct redis_sentinel_master m;

    (void)state;
    assert_int_equal(read_wire(STR("*4\r\n" IP_PORT), &m), EH_OK);
    assert_int_equal(m.epoch, 0);
    assert_int_equal(read_wire(STR("*5\r\n" IP_PORT "$5\r\nflags\r\n"), &m), EH_OK);
    assert_int_equal(read_wire(STR("*6\r\n" IP_PORT "$5\r\nflags\r\n$13\r\nmaster,down_x\r\n"), &m),
                     EH_OK);
}

static void refuses_what_names_no_master(void **state)
{
    static const struct {
        const char *wire;
        int want;
    } cases[] = {
        { "-ERR No such master with that name\r\n", EH_ENOENT },
        { "$-1\r\n", EH_ENOENT },
        { "*-1\r\n", EH_ENOENT },
        { "-NOAUTH Authentication required.\r\n", EH_EINVAL },
        { "-ERR unknown command 'SENTINEL'\r\n", EH_EINVAL },
        { "+OK\r\n", EH_EINVAL },
        { ":1\r\n", EH_EINVAL },
        { "*0\r\n", EH_EINVAL },
        { "*2\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n", EH_EINVAL },
        { "*2\r\n$4\r\nport\r\n$4\r\n6379\r\n", EH_EINVAL },
        { "*4\r\n$2\r\nip\r\n$0\r\n\r\n$4\r\nport\r\n$4\r\n6379\r\n", EH_EINVAL },
        { "*4\r\n$2\r\nip\r\n$-1\r\n$4\r\nport\r\n$4\r\n6379\r\n", EH_EINVAL },
        { "*4\r\n$2\r\nip\r\n*0\r\n$4\r\nport\r\n$4\r\n6379\r\n", EH_EINVAL },
        { "*4\r\n$2\r\nip\r\n-a\r\n$4\r\nport\r\n$4\r\n6379\r\n", EH_EINVAL },
        { "*4\r\n$2\r\nip\r\n$2\r\n/s\r\n$4\r\nport\r\n$4\r\n6379\r\n", EH_EINVAL },
        { "*4\r\n$2\r\nip\r\n$1\r\na\r\n$4\r\nport\r\n$5\r\n65536\r\n", EH_EINVAL },
        { "*4\r\n$2\r\nip\r\n$1\r\na\r\n$4\r\nport\r\n$2\r\n-1\r\n", EH_EINVAL },
        { "*4\r\n$2\r\nip\r\n$1\r\na\r\n$4\r\nport\r\n:-1\r\n", EH_EINVAL },
        { "*4\r\n$2\r\nip\r\n$1\r\na\r\n$4\r\nport\r\n*0\r\n", EH_EINVAL },
        { "*3\r\n:1\r\n$2\r\nip\r\n$1\r\na\r\n", EH_EINVAL },
        { "*1\r\n*4\r\n$2\r\nip\r\n$1\r\na\r\n$4\r\nport\r\n$1\r\n1\r\n", EH_EINVAL },
    };
    struct redis_sentinel_master m = { .epoch = 7 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (read_wire(str_of(cases[i].wire), &m) != cases[i].want)
            fail_msg("case %zu is read differently", i);
    }
    assert_int_equal(m.epoch, 7);
}

static void recognizes_the_messages_about_its_master(void **state)
{
    static const struct {
        const char *payload;
        bool want;
    } cases[] = {
        { "main 127.0.0.1 6379 127.0.0.1 6380", true },
        { "main ", true },
        { "main", false },
        { "mai", false },
        { "", false },
        { "main2 127.0.0.1 6379 127.0.0.1 6380", false },
        { "other 127.0.0.1 6379 main 6380", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(redis_sentinel_is_switch(str_of(cases[i].payload), STR("main")),
                         cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_answer_of_a_sentinel),
        cmocka_unit_test(needs_no_more_than_an_endpoint),
        cmocka_unit_test(refuses_what_names_no_master),
        cmocka_unit_test(recognizes_the_messages_about_its_master),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
