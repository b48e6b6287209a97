#include "broker/redis/redis_payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"

static void accepts_our_payloads_and_those_of_others(void **state)
{
    static const struct {
        const char *payload, *body;
        bool legacy;
    } cases[] = {
        { "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a/b\",\"v\":1}",
          "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a/b\"}}", false },
        { "{\"id\":\"5-1\",\"message\":\"x\",\"origin\":\"me\",\"topic\":\"a/b\",\"v\":1}",
          "{\"id\":\"5-1\",\"message\":\"x\",\"origin\":\"me\",\"topic\":\"a/b\"}}", false },
        { "{\"id\":\"5-1\",\"message\":\"x\",\"origin\":\"\",\"topic\":\"a/b\",\"v\":1}",
          "{\"id\":\"5-1\",\"message\":\"x\",\"origin\":\"\",\"topic\":\"a/b\"}}", false },
        /* the text stays as it was written */
        { "{\"id\":\"5-1\",\"message\":\"\\u0000 \\/ \\\" \\\\\",\"topic\":\"a/b\",\"v\":1}",
          "{\"id\":\"5-1\",\"message\":\"\\u0000 \\/ \\\" \\\\\",\"topic\":\"a/b\"}}", false },
        /* in any order, with spaces, with members that we do not know */
        { " { \"topic\" : \"a/b\",\"x\":{\"message\":[\"no\"]},\n\"id\":\"5-1\", \"message\" : "
          "\"}\" } ",
          "{\"id\":\"5-1\",\"message\":\"}\",\"topic\":\"a/b\"}}", true },
        { "{\"id\":\"5-1\",\"message\":\"x\",\"origin\":\"\",\"topic\":\"a/b\"}",
          "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a/b\"}}", true },
        { "{\"y\":\"message\",\"id\":\"5-1\",\"message\":\"\",\"topic\":\"a/b\"}",
          "{\"id\":\"5-1\",\"message\":\"\",\"topic\":\"a/b\"}}", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct message *m = redis_payload_parse(STR("a/b"), str_of(cases[i].payload));

        assert_non_null(m);
        assert_true(str_eq(m->body, str_of(cases[i].body)));
        assert_true(str_eq(m->topic, STR("a/b")));
        assert_int_equal(m->id.ms, 5);
        assert_int_equal(m->id.seq, 1);
        assert_int_equal(m->legacy, cases[i].legacy);
        message_unref(m);
    }
}

static void refuses_junk_in_our_channels(void **state)
{
    static const struct {
        const char *topic, *payload;
    } cases[] = {
        { "a", "" },
        { "a", "hello" },
        { "a", "\"message\"" },
        { "a", "[\"message\",\"x\"]" },
        { "a", "{}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a\",\"v\":1" },
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a\",\"v\":1}}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a\",\"v\":2}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a\",\"v\":\"1\"}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a\",\"v\":null}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"b\",\"v\":1}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"v\":1}" },
        { "a", "{\"id\":\"5-1\",\"topic\":\"a\",\"v\":1}" },
        { "a", "{\"message\":\"x\",\"topic\":\"a\",\"v\":1}" },
        { "a", "{\"id\":\"5\",\"message\":\"x\",\"topic\":\"a\",\"v\":1}" },
        { "a", "{\"id\":\"5-\",\"message\":\"x\",\"topic\":\"a\"}" },
        { "a", "{\"id\":5,\"message\":\"x\",\"topic\":\"a\",\"v\":1}" },
        { "a", "{\"id\":\"5-1\",\"message\":1,\"topic\":\"a\",\"v\":1}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"origin\":1,\"topic\":\"a\",\"v\":1}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"message\":\"y\",\"topic\":\"a\",\"v\":1}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"\xff\",\"topic\":\"a\",\"v\":1}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"\\ud800\",\"topic\":\"a\",\"v\":1}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"\n\",\"topic\":\"a\",\"v\":1}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a\",\"v\":1} x" },
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"ab\",\"v\":1}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a" },
        { "a", "{\"id\":\"5-1" },
        { "a/+", "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a/+\",\"v\":1}" },
        { "", "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"\",\"v\":1}" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_null(redis_payload_parse(str_of(cases[i].topic), str_of(cases[i].payload)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_our_payloads_and_those_of_others),
        cmocka_unit_test(refuses_junk_in_our_channels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
