#include "hub/eventlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"

#define MAX_LIMIT 1000
#define FAR       INT64_C(9007199254740991) /* 2^53 - 1 */

static int read_text(const char *text, struct eventlog_request *ret, const char **ret_why)
{
    json_auto_t *params = json_loads(text, 0, NULL);

    assert_non_null(params);
    return eventlog_request_read(params, MAX_LIMIT, ret, ret_why);
}

static void check(const char *text, int kind, struct msgid id, int64_t since, uint32_t limit)
{
    struct eventlog_request req = { .limit = 77 };
    const char *why = NULL;

    if (read_text(text, &req, &why) != EH_OK)
        fail_msg("%s: %s", text, why);
    if ((int)req.from.kind != kind || msgid_cmp(req.from.id, id) != 0 || req.from.since != since ||
        req.limit != limit)
        fail_msg("wrong result for %s", text);
}

static void requests_no_history_by_default(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"since\":0}",
        "{\"since\":-0}",
        "{\"since\":0.0}",
        "{\"since\":0.9}",
        "{\"since\":-0.9}",
        "{\"since\":null,\"sinceEventId\":null,\"limit\":null}",
        "{\"since\":\"\"}",
        "{\"sinceEventId\":\"\"}",
        "{\"topic\":\"a\",\"Since\":5}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        check(texts[i], EVENTLOG_NONE, (struct msgid){ 0, 0 }, 0, 0);
}

static void accepts_missing_params(void **state)
{
    struct eventlog_request req = { .limit = 77 };
    const char *why;

    (void)state;
    assert_int_equal(eventlog_request_read(NULL, MAX_LIMIT, &req, &why), EH_OK);
    assert_int_equal(req.from.kind, EVENTLOG_NONE);
    assert_int_equal(req.limit, 0);
}

static void reads_since_as_a_time(void **state)
{
    static const struct {
        const char *text;
        int64_t want;
    } cases[] = {
        { "{\"since\":1574843571767}", INT64_C(1574843571767) },
        { "{\"since\":1574843571767.9}", INT64_C(1574843571767) },
        { "{\"since\":1.5e12}", INT64_C(1500000000000) },
        { "{\"since\":-10000}", -10000 },
        { "{\"since\":-1.9}", -1 },
        { "{\"since\":1}", 1 },
        { "{\"since\":9007199254740991}", FAR },
        { "{\"since\":9007199254740992}", FAR },
        { "{\"since\":9223372036854775807}", FAR },
        { "{\"since\":-9223372036854775808}", -FAR },
        { "{\"since\":1e300}", FAR },
        { "{\"since\":-1e300}", -FAR },
        { "{\"since\":9.3e18}", FAR },
        { "{\"since\":5,\"sinceEventId\":null}", 5 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(cases[i].text, EVENTLOG_SINCE, (struct msgid){ 0, 0 }, cases[i].want, 0);
}

static void reads_since_as_an_id(void **state)
{
    static const struct {
        const char *text;
        struct msgid want;
    } cases[] = {
        { "{\"since\":\"12-3\"}", { 12, 3 } },
        { "{\"sinceEventId\":\"12-3\"}", { 12, 3 } },
        { "{\"sinceEventId\":\"0-0\"}", { 0, 0 } },
        { "{\"since\":99,\"sinceEventId\":\"12-3\"}", { 12, 3 } },
        { "{\"since\":\"99-1\",\"sinceEventId\":\"12-3\"}", { 12, 3 } },
        { "{\"since\":\"12-3\",\"sinceEventId\":\"\"}", { 12, 3 } },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(cases[i].text, EVENTLOG_AFTER, cases[i].want, 0, 0);
}

static void caps_the_limit(void **state)
{
    static const struct {
        const char *text;
        uint32_t want;
    } cases[] = {
        { "{\"limit\":1}", 1 },
        { "{\"limit\":1.0}", 1 },
        { "{\"limit\":5e2}", 500 },
        { "{\"limit\":999}", 999 },
        { "{\"limit\":1000}", 1000 },
        { "{\"limit\":1001}", 1000 },
        { "{\"limit\":4294967297}", 1000 },
        { "{\"limit\":9223372036854775807}", 1000 },
        { "{\"limit\":1.7976931348623157e308}", 1000 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(cases[i].text, EVENTLOG_NONE, (struct msgid){ 0, 0 }, 0, cases[i].want);
}

static void names_the_wrong_param(void **state)
{
    static const struct {
        const char *text, *names;
    } cases[] = {
        { "{\"since\":true}", "since " },
        { "{\"since\":false}", "since " },
        { "{\"since\":{}}", "since " },
        { "{\"since\":[1]}", "since " },
        { "{\"since\":\"1574843571767\"}", "since " },
        { "{\"since\":\"yesterday\"}", "since " },
        { "{\"since\":true,\"sinceEventId\":\"1-0\"}", "since " },
        { "{\"sinceEventId\":5}", "sinceEventId " },
        { "{\"sinceEventId\":true}", "sinceEventId " },
        { "{\"sinceEventId\":{}}", "sinceEventId " },
        { "{\"sinceEventId\":\"5\"}", "sinceEventId " },
        { "{\"sinceEventId\":\"18446744073709551616-0\"}", "sinceEventId " },
        { "{\"since\":5,\"sinceEventId\":\"x\"}", "sinceEventId " },
        { "{\"limit\":0}", "limit " },
        { "{\"limit\":-1}", "limit " },
        { "{\"limit\":1.5}", "limit " },
        { "{\"limit\":0.0}", "limit " },
        { "{\"limit\":-1e300}", "limit " },
        { "{\"limit\":\"5\"}", "limit " },
        { "{\"limit\":true}", "limit " },
        { "{\"limit\":[]}", "limit " },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct eventlog_request req = { .limit = 77 };
        const char *why = "";

        if (read_text(cases[i].text, &req, &why) != EH_EINVAL)
            fail_msg("%s was accepted", cases[i].text);
        if (strncmp(why, cases[i].names, strlen(cases[i].names)) != 0)
            fail_msg("%s: %s", cases[i].text, why);
        assert_int_equal(req.limit, 77); /* untouched on failure */
    }
}

static int read_subscription(const char *text, struct eventlog_request *req, const char **why)
{
    json_t *params = json_loads(text, 0, NULL);
    int rc = eventlog_subscription_read(params, 100, req, why);

    assert_non_null(params);
    json_decref(params);
    return rc;
}

static void reads_latest_of_a_subscription(void **state)
{
    static const struct {
        const char *text;
        int kind; /* -1: it is refused */
    } cases[] = {
        { "{\"latest\":true}", EVENTLOG_LATEST },
        { "{\"latest\":true,\"since\":0}", EVENTLOG_LATEST },
        { "{\"latest\":true,\"since\":null,\"sinceEventId\":\"\",\"limit\":null}",
          EVENTLOG_LATEST },
        { "{}", EVENTLOG_NONE },
        { "{\"latest\":false}", EVENTLOG_NONE },
        { "{\"latest\":null,\"since\":5}", EVENTLOG_SINCE },
        { "{\"latest\":false,\"sinceEventId\":\"1-0\",\"limit\":3}", EVENTLOG_AFTER },
        { "{\"latest\":true,\"since\":-5}", -1 },
        { "{\"latest\":true,\"since\":\"1-0\"}", -1 },
        { "{\"latest\":true,\"sinceEventId\":\"1-0\"}", -1 },
        { "{\"latest\":true,\"limit\":1}", -1 },
        { "{\"latest\":1}", -1 },
        { "{\"latest\":\"true\"}", -1 },
        { "{\"latest\":{}}", -1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct eventlog_request req;
        const char *why = "";
        int rc = read_subscription(cases[i].text, &req, &why);

        if (rc != (cases[i].kind < 0 ? EH_EINVAL : EH_OK))
            fail_msg("%s: %d", cases[i].text, rc);
        if (rc == EH_OK)
            assert_int_equal(req.from.kind, cases[i].kind);
        else
            assert_memory_equal(why, "latest must", strlen("latest must"));
    }
}

static void accepts_timestamps_near_the_clock(void **state)
{
    const int64_t now = INT64_C(1574843571767);
    const int64_t past = (int64_t)EVENTLOG_TIMESTAMP_PAST_MS;
    const int64_t future = (int64_t)EVENTLOG_TIMESTAMP_FUTURE_MS;
    const struct {
        int64_t at;
        bool want;
    } cases[] = {
        { now, true },          { now - past, true },        { now - past - 1, false },
        { now + future, true }, { now + future + 1, false }, { 0, false },
        { -1, false },          { INT64_MIN, false },        { INT64_MAX, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(eventlog_timestamp_is_usable(cases[i].at, (uint64_t)now), cases[i].want);
    assert_false(eventlog_timestamp_is_usable(0, 1)); /* 0 means "none" */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_no_history_by_default),
        cmocka_unit_test(accepts_missing_params),
        cmocka_unit_test(reads_since_as_a_time),
        cmocka_unit_test(reads_since_as_an_id),
        cmocka_unit_test(caps_the_limit),
        cmocka_unit_test(names_the_wrong_param),
        cmocka_unit_test(reads_latest_of_a_subscription),
        cmocka_unit_test(accepts_timestamps_near_the_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
