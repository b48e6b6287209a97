#include "ctl/bench/bench_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"

static const struct bench_mark mark = { .pub = 999, .number = 123456789, .sent_us = UINT64_MAX };

/* Appends what a server would send. */
static void add_delivery(struct buf *out, const struct bench_text *t, const struct bench_mark *m)
{
    buf_add_str(out,
                STR("{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{\"id\":\"1-0\",\"message\":\""));
    bench_text_write(t, m, buf_reserve(out, t->size));
    buf_commit(out, t->size);
    buf_add_str(out, STR("\",\"topic\":\"t\"}}"));
}

static void reads_what_it_writes(void **state)
{
    static const size_t sizes[] = { BENCH_TEXT_MIN, 128, 65536 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct bench_text t;
        struct bench_mark got = { 0 };
        struct buf json = { 0 };

        bench_text_init(&t, 0xfedcba9876543210, sizes[i]);
        add_delivery(&json, &t, &mark);
        assert_true(bench_text_read(&t, buf_str(&json), &got));
        assert_int_equal(got.pub, mark.pub);
        assert_true(got.number == mark.number && got.sent_us == mark.sent_us);
        buf_done(&json);
    }
}

static void refuses_what_is_not_whole(void **state)
{
    struct bench_text t;
    struct bench_mark got;
    struct buf json = { 0 };
    size_t end;

    (void)state;
    bench_text_init(&t, 7, BENCH_TEXT_MIN);
    add_delivery(&json, &t, &mark);
    end = buf_used(&json) - (sizeof("\",\"topic\":\"t\"}}") - 1);
    for (size_t n = 0; n <= end; n++)
        assert_false(bench_text_read(&t, str_make(buf_head(&json), n), &got));
    buf_head(&json)[end] = 'x';
    assert_false(bench_text_read(&t, buf_str(&json), &got));
    buf_done(&json);
}

static void refuses_other_messages(void **state)
{
    struct bench_text t, other;
    struct bench_mark got;
    struct buf json = { 0 };

    (void)state;
    bench_text_init(&t, 7, BENCH_TEXT_MIN);
    bench_text_init(&other, 8, BENCH_TEXT_MIN);
    add_delivery(&json, &other, &mark);
    assert_false(bench_text_read(&t, buf_str(&json), &got));
    assert_false(bench_text_read(&t, STR("{\"id\":1,\"result\":{\"status\":\"ok\"}}"), &got));
    assert_false(bench_text_read(&t, (struct str){ NULL, 0 }, &got));
    buf_clear(&json);
    add_delivery(&json, &t, &mark);
    memset(memmem(buf_head(&json), buf_used(&json), " 03e7 ", 6), 'x', 6);
    assert_false(bench_text_read(&t, buf_str(&json), &got));
    buf_done(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(refuses_what_is_not_whole),
        cmocka_unit_test(refuses_other_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
