#include "broker/redis/redis_payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
        uint64_t expires_ms = 0;
        struct message *m = redis_payload_parse(STR("a/b"), str_of(cases[i].payload), &expires_ms);

        assert_non_null(m);
        assert_true(str_eq(m->body, str_of(cases[i].body)));
        assert_true(str_eq(m->topic, STR("a/b")));
        assert_int_equal(m->id.ms, 5);
        assert_int_equal(m->id.seq, 1);
        assert_int_equal(m->legacy, cases[i].legacy);
        assert_true(expires_ms == REDIS_EXPIRY_UNKNOWN);
        message_unref(m);
    }
}

static void tells_who_does_not_want_a_message_back(void **state)
{
    static const struct {
        const char *end;
        uint64_t n; /* 0: no author */
    } cases[] = {
        { "\"author\":\"1-2-3-4\",\"expiry\":5,\"v\":1}", 4 },
        { "\"author\":\"1-2-3-4\",\"v\":1}", 4 },
        { "\"v\":1,\"author\":\"1-2-3-4\"}", 4 }, /* with a tree */
        { "\"author\":\"1-2-3-4\"}", 0 },         /* of another implementation */
        { "\"author\":\"1-2-3\",\"v\":1}", 0 },
        { "\"author\":\"\",\"v\":1}", 0 },
        { "\"author\":7,\"v\":1}", 0 },
        { "\"expiry\":5,\"v\":1}", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[128];
        uint64_t expires_ms;
        struct message *m;

        (void)snprintf(text, sizeof(text), "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a\",%s",
                       cases[i].end);
        m = redis_payload_parse(STR("a"), str_of(text), &expires_ms);
        assert_non_null(m);
        assert_int_equal(m->has_author, cases[i].n > 0);
        if (cases[i].n)
            assert_true(message_author(m).worker == 1 && message_author(m).n == cases[i].n);
        message_unref(m);
    }
}

static void tells_when_a_message_expires(void **state)
{
    static const struct {
        const char *end;
        uint64_t expires_ms;
    } cases[] = {
        { "\"expiry\":1574843571767,\"v\":1}", 1574843571767 },
        { "\"v\":1,\"expiry\":1574843571767}", 1574843571767 }, /* with a tree */
        { "\"expiry\":0,\"v\":1}", 0 },
        { "\"expiry\":9223372036854775807,\"v\":1}", INT64_MAX },
        { "\"expiry\":-1,\"v\":1}", REDIS_EXPIRY_UNKNOWN },
        { "\"expiry\":1.5,\"v\":1}", REDIS_EXPIRY_UNKNOWN },
        { "\"expiry\":\"5\",\"v\":1}", REDIS_EXPIRY_UNKNOWN },
        { "\"expiry\":null,\"v\":1}", REDIS_EXPIRY_UNKNOWN },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[128];
        uint64_t expires_ms = 1;
        struct message *m;

        (void)snprintf(text, sizeof(text), "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a\",%s",
                       cases[i].end);
        m = redis_payload_parse(STR("a"), str_of(text), &expires_ms);
        assert_non_null(m);
        assert_true(expires_ms == cases[i].expires_ms);
        assert_false(m->legacy);
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
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a\",\"expiry\":05,\"v\":1}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a\",\"expiry\":5}}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a\",\"author\":\"1-2-3-4\"\"v\":1}" },
        { "a", "{\"id\":\"5-1\",\"message\":\"x\",\"topic\":\"a\",\"author\":\"1-2-3-4" },
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
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t expires_ms;

        assert_null(
            redis_payload_parse(str_of(cases[i].topic), str_of(cases[i].payload), &expires_ms));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_our_payloads_and_those_of_others),
        cmocka_unit_test(tells_when_a_message_expires),
        cmocka_unit_test(tells_who_does_not_want_a_message_back),
        cmocka_unit_test(refuses_junk_in_our_channels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
