#include "proto/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "support/assert_str.h"

static void writes_a_data_field_for_each_line(void **state)
{
    static const struct {
        struct str message;
        const char *want;
    } cases[] = {
        { STR("one"), "id: 7-0\ndata: one\n\n" },
        { STR("one\ntwo"), "id: 7-0\ndata: one\ndata: two\n\n" },
        { STR("one\rtwo"), "id: 7-0\ndata: one\ndata: two\n\n" },
        { STR("one\r\ntwo"), "id: 7-0\ndata: one\ndata: two\n\n" },
        { STR("one\n\rtwo"), "id: 7-0\ndata: one\ndata: \ndata: two\n\n" },
        { STR("\n"), "id: 7-0\ndata: \ndata: \n\n" },
        { STR("\r"), "id: 7-0\ndata: \ndata: \n\n" },
        { STR("end\r\n"), "id: 7-0\ndata: end\ndata: \n\n" },
        { STR("\r\n\r\n"), "id: 7-0\ndata: \ndata: \ndata: \n\n" },
        { STR(" a space stays"), "id: 7-0\ndata:  a space stays\n\n" },
        { STR(""), "id: 7-0\ndata: \n\n" },
        { { NULL, 0 }, "id: 7-0\ndata: \n\n" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = { 0 };

        sse_add_event(&out, STR("7-0"), cases[i].message);
        assert_str(buf_str(&out), cases[i].want);
        buf_done(&out);
    }
}

/* Without the marks, these lines would be fields and events of their own. */
static void marks_every_line_of_a_message_as_data(void **state)
{
    static const char *const ends[] = { "\n", "\r", "\r\n" };
    struct buf message = { 0 }, out = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        buf_addf(&message, "x%s%sid: 9-9%sevent: y%sdata: z%s:%s", ends[i], ends[i], ends[i],
                 ends[i], ends[i], ends[i]);
    sse_add_event(&out, STR("7-0"), buf_str(&message));
    for (size_t i = 0; i < buf_used(&out); i++)
        assert_true(buf_head(&out)[i] != '\r');
    for (struct str rest = str_skip(buf_str(&out), sizeof("id: 7-0\n") - 1), line; rest.n > 1;) {
        assert_true(str_cut(&rest, '\n', &line));
        assert_true(str_starts_with(line, STR("data: ")));
    }
    buf_done(&message);
    buf_done(&out);
}

static void keeps_nul_bytes(void **state)
{
    struct buf out = { 0 };

    (void)state;
    sse_add_event(&out, STR("7-0"), STR("a\0b"));
    assert_true(str_eq(buf_str(&out), STR("id: 7-0\ndata: a\0b\n\n")));
    buf_done(&out);
}

static void writes_an_event_without_an_id(void **state)
{
    struct buf out = { 0 };

    (void)state;
    sse_add_event(&out, (struct str){ NULL, 0 }, STR("x"));
    assert_str(buf_str(&out), "data: x\n\n");
    buf_done(&out);
}

static void writes_the_name_of_an_event(void **state)
{
    struct buf out = { 0 };

    (void)state;
    sse_add_name(&out, STR("a/b"));
    sse_add_event(&out, STR("7-0"), STR("x"));
    assert_str(buf_str(&out), "event: a/b\nid: 7-0\ndata: x\n\n");
    buf_done(&out);
}

static void draws_the_time_to_wait_between_its_bounds(void **state)
{
    struct buf out = { 0 };

    (void)state;
    sse_add_retry(&out, 0);
    sse_add_retry(&out, SSE_RETRY_MOST_MS - SSE_RETRY_LEAST_MS);
    sse_add_retry(&out, SSE_RETRY_MOST_MS - SSE_RETRY_LEAST_MS + 1);
    assert_str(buf_str(&out), "retry: 1000\n\nretry: 5000\n\nretry: 1000\n\n");
    buf_done(&out);
}

static void writes_a_position_as_an_id_alone(void **state)
{
    struct buf out = { 0 };

    (void)state;
    sse_add_position(&out, STR("7-0"));
    assert_str(buf_str(&out), "id: 7-0\n\n");
    buf_done(&out);
}

static void quotes_what_a_comment_is_about(void **state)
{
    struct buf out = { 0 };

    (void)state;
    sse_add_comment(&out, "unknown parameter", STR("last_id"));
    assert_str(buf_str(&out), ":unknown parameter \"last_id\"\n\n");
    buf_done(&out);
}

static void writes_a_refusal_with_its_reason_and_a_time(void **state)
{
    struct buf out = { 0 };

    (void)state;
    sse_add_refusal(&out, "no \"room\"\n", 429);
    assert_str(buf_str(&out), "retry: 5000\nevent: refused\n"
                              "data: {\"error\":\"no \\\"room\\\"\\n\",\"status\":429}\n\n");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_data_field_for_each_line),
        cmocka_unit_test(marks_every_line_of_a_message_as_data),
        cmocka_unit_test(keeps_nul_bytes),
        cmocka_unit_test(writes_an_event_without_an_id),
        cmocka_unit_test(writes_the_name_of_an_event),
        cmocka_unit_test(draws_the_time_to_wait_between_its_bounds),
        cmocka_unit_test(writes_a_position_as_an_id_alone),
        cmocka_unit_test(quotes_what_a_comment_is_about),
        cmocka_unit_test(writes_a_refusal_with_its_reason_and_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
