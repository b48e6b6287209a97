/* test_ctl_follow.c - subscriptions that continue after a reconnect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "ctl/pubsub/follow.h"

static struct follows set;

static void begin(struct start start, const char *first, const char *second)
{
    const char *filters[] = { first, second };

    follows_init(&set, filters, second ? 2 : 1, start);
}

static int tear_down(void **state)
{
    (void)state;
    follows_done(&set);
    return 0;
}

static void assert_params(const struct follow *f, const char *want)
{
    json_t *params = follow_params(&set, f);
    char *text = json_dumps(params, JSON_COMPACT);

    assert_string_equal(text, want);
    free(text);
    json_decref(params);
}

static bool confirm(struct follow *f, const char *result)
{
    json_t *json = json_loads(result, 0, NULL);
    bool is_complete = follow_confirm(f, json);

    assert_non_null(json);
    json_decref(json);
    return is_complete;
}

static bool accept(size_t i, uint64_t ms, const char *topic)
{
    return follow_accept(&set, &set.at[i], (struct msgid){ .ms = ms }, str_of(topic));
}

static void subscribes_from_the_start_that_was_asked_for(void **state)
{
    static const struct {
        struct start start;
        const char *params;
    } cases[] = {
        { { 0 }, "{\"topic\":\"a/#\",\"gaps\":true}" },
        { { .has_id = true, .after = { 5, 7 } },
          "{\"topic\":\"a/#\",\"gaps\":true,\"sinceEventId\":\"5-7\"}" },
        { { .latest = true }, "{\"topic\":\"a/#\",\"gaps\":true,\"latest\":true}" },
        { { .since = -600000 }, "{\"topic\":\"a/#\",\"gaps\":true,\"since\":-600000}" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(cases[i].start, "a/#", NULL);
        assert_params(&set.at[0], cases[i].params);
        follows_done(&set);
    }
    begin((struct start){ 0 }, "a/#", NULL);
}

static void continues_where_it_began_if_no_message_has_come(void **state)
{
    (void)state;
    begin((struct start){ .since = -600000 }, "a/#", NULL);
    assert_true(
        confirm(&set.at[0], "{\"recovered\":true,\"lastEventId\":\"9-18446744073709551615\"}"));
    assert_params(&set.at[0],
                  "{\"topic\":\"a/#\",\"gaps\":true,\"sinceEventId\":\"9-18446744073709551615\"}");
}

static void continues_after_the_last_message(void **state)
{
    (void)state;
    begin((struct start){ 0 }, "a", "b");
    assert_true(confirm(&set.at[0], "{\"lastEventId\":\"9-0\"}"));
    assert_true(confirm(&set.at[1], "{\"lastEventId\":\"9-0\"}"));
    assert_true(accept(0, 10, "a"));
    assert_true(accept(0, 12, "a"));
    assert_params(&set.at[0], "{\"topic\":\"a\",\"gaps\":true,\"sinceEventId\":\"12-0\"}");
    assert_params(&set.at[1], "{\"topic\":\"b\",\"gaps\":true,\"sinceEventId\":\"9-0\"}");
}

static void drops_repetitions(void **state)
{
    (void)state;
    begin((struct start){ 0 }, "a", NULL);
    assert_true(confirm(&set.at[0], "{\"lastEventId\":\"9-0\"}"));
    assert_false(accept(0, 9, "a"));
    assert_true(accept(0, 10, "a"));
    assert_false(accept(0, 10, "a"));
    assert_false(accept(0, 8, "a"));
    assert_true(accept(0, 11, "a"));
}

static void reports_that_messages_are_missing(void **state)
{
    (void)state;
    begin((struct start){ 0 }, "a", NULL);
    assert_false(confirm(&set.at[0], "{\"recovered\":false,\"lastEventId\":\"20-0\"}"));
    assert_false(accept(0, 20, "a"));
    assert_true(accept(0, 21, "a"));
}

/* A server whose log was lost and begins again below the old position. */
static void goes_back_with_the_server(void **state)
{
    (void)state;
    begin((struct start){ 0 }, "a", NULL);
    assert_true(confirm(&set.at[0], "{\"lastEventId\":\"50-0\"}"));
    assert_true(accept(0, 60, "a"));
    assert_false(confirm(&set.at[0], "{\"recovered\":false,\"lastEventId\":\"7-0\"}"));
    assert_true(accept(0, 8, "a"));
}

static void gives_a_message_to_the_first_filter_that_matches(void **state)
{
    (void)state;
    begin((struct start){ 0 }, "a/+", "+/b");
    assert_true(accept(0, 5, "a/b"));
    assert_false(accept(1, 5, "a/b"));
    assert_true(accept(1, 6, "c/b"));
    assert_false(accept(1, 6, "c/b"));
    assert_params(&set.at[1], "{\"topic\":\"+/b\",\"gaps\":true,\"sinceEventId\":\"6-0\"}");
}

static void keeps_one_of_equal_filters(void **state)
{
    (void)state;
    begin((struct start){ 0 }, "a/+", "a/+");
    assert_int_equal(set.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(subscribes_from_the_start_that_was_asked_for, tear_down),
        cmocka_unit_test_teardown(continues_where_it_began_if_no_message_has_come, tear_down),
        cmocka_unit_test_teardown(continues_after_the_last_message, tear_down),
        cmocka_unit_test_teardown(drops_repetitions, tear_down),
        cmocka_unit_test_teardown(reports_that_messages_are_missing, tear_down),
        cmocka_unit_test_teardown(goes_back_with_the_server, tear_down),
        cmocka_unit_test_teardown(gives_a_message_to_the_first_filter_that_matches, tear_down),
        cmocka_unit_test_teardown(keeps_one_of_equal_filters, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
