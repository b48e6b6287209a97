#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_holds(const struct buf *b, const char *text)
{
    assert_int_equal(buf_used(b), strlen(text));
    assert_memory_equal(buf_head(b), text, strlen(text));
}

static void holds_no_memory_while_empty(void **state)
{
    struct buf b = { 0 };

    (void)state;
    assert_null(buf_head(&b));
    assert_int_equal(buf_used(&b), 0);
    assert_int_equal(buf_str(&b).n, 0);
    buf_add(&b, NULL, 0);
    assert_null(b.data);
    buf_done(&b);
    buf_done(&b);
}

static void adds_in_order(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b);
    buf_add(&b, "ab", 2);
    buf_add_str(&b, STR("cd"));
    buf_add_char(&b, 'e');
    buf_addf(&b, "%d-%s", 42, "x");
    assert_holds(&b, "abcde42-x");
    assert_true(str_eq(buf_str(&b), STR("abcde42-x")));
    buf_done(&b);
}

static void formats_texts_of_any_length(void **state)
{
    struct buf b;
    char text[300];

    (void)state;
    for (size_t n = 0; n < sizeof(text); n++) {
        buf_init(&b);
        memset(text, 'y', n);
        text[n] = '\0';
        buf_addf(&b, "%s", text);
        assert_holds(&b, text);
        buf_addf(&b, "%s", ""); /* adds nothing, and its NUL does not count */
        assert_int_equal(buf_used(&b), n);
        buf_done(&b);
    }
}

static void consumes_from_the_start(void **state)
{
    struct buf b = { 0 };

    (void)state;
    buf_add(&b, "hello world", 11);
    buf_consume(&b, 6);
    assert_holds(&b, "world");
    buf_add(&b, "!", 1);
    assert_holds(&b, "world!");
    buf_consume(&b, 0);
    buf_consume(&b, 6);
    assert_int_equal(buf_used(&b), 0);
    assert_int_equal(b.start, 0); /* the room at the start is free again */
    buf_done(&b);
}

static void keeps_the_memory_when_cleared(void **state)
{
    struct buf b = { 0 };
    char *data;

    (void)state;
    buf_add(&b, "abc", 3);
    data = b.data;
    buf_clear(&b);
    assert_int_equal(buf_used(&b), 0);
    buf_add(&b, "xyz", 3);
    assert_ptr_equal(b.data, data);
    assert_holds(&b, "xyz");
    buf_done(&b);
    assert_null(b.data);
}

/* The buffer reuses consumed room before it allocates more memory. */
static void reuses_consumed_room(void **state)
{
    struct buf b = { 0 };
    size_t cap;

    (void)state;
    buf_add(&b, "0123456789", 10);
    cap = b.cap;
    for (int i = 0; i < 1000; i++) {
        buf_add(&b, "0123456789", 10);
        buf_consume(&b, 10);
    }
    assert_int_equal(b.cap, cap);
    assert_holds(&b, "0123456789");
    buf_done(&b);
}

static void commits_part_of_what_was_reserved(void **state)
{
    struct buf b = { 0 };
    char *room = buf_reserve(&b, 100);

    (void)state;
    assert_true(b.cap >= 100);
    memset(room, 'a', 100);
    assert_int_equal(buf_used(&b), 0);
    buf_commit(&b, 3);
    assert_holds(&b, "aaa");
    assert_ptr_equal(buf_reserve(&b, 1), buf_head(&b) + 3);
    assert_non_null(buf_reserve(&b, 0));
    buf_done(&b);
    assert_non_null(buf_reserve(&b, 0));
    buf_done(&b);
}

/* A plain array must hold the same bytes after pieces of any size. */
static void agrees_with_a_naive_model(void **state)
{
    static char model[1 << 20];
    struct buf b = { 0 };
    size_t head = 0, tail = 0;
    unsigned seed = 7;

    (void)state;
    while (tail < sizeof(model) - 400) {
        size_t add = (size_t)rand_r(&seed) % 400;
        size_t take;

        for (size_t i = 0; i < add; i++)
            model[tail + i] = (char)rand_r(&seed);
        buf_add(&b, model + tail, add);
        tail += add;
        take = (size_t)rand_r(&seed) % (tail - head + 1);
        buf_consume(&b, take);
        head += take;
        assert_int_equal(buf_used(&b), tail - head);
        if (tail > head)
            assert_memory_equal(buf_head(&b), model + head, tail - head);
    }
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_no_memory_while_empty),
        cmocka_unit_test(adds_in_order),
        cmocka_unit_test(formats_texts_of_any_length),
        cmocka_unit_test(consumes_from_the_start),
        cmocka_unit_test(keeps_the_memory_when_cleared),
        cmocka_unit_test(commits_part_of_what_was_reserved),
        cmocka_unit_test(reuses_consumed_room),
        cmocka_unit_test(agrees_with_a_naive_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
