#include "broker/gaps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"

#define MAX 4

static struct gaps *gaps_of(const char *const *topics)
{
    struct str names[MAX];
    size_t n = 0;

    for (; n < MAX && topics[n]; n++)
        names[n] = str_of(topics[n]);
    return n ? gaps_create(names, n) : NULL;
}

static void assert_gaps(const struct gaps *gaps, const char *const *topics)
{
    size_t n = 0;

    for (; n < MAX && topics[n]; n++) {
        assert_non_null(gaps);
        assert_true(n < gaps->n);
        assert_true(str_eq(gaps->topics[n], str_of(topics[n])));
    }
    assert_int_equal(gaps ? gaps->n : 0, n);
}

/* The gaps after the start of each page, the topics of its messages, and the gaps that are new. */
static void reports_a_gap_once_until_a_message_of_its_topic_comes(void **state)
{
    static const struct {
        bool complete;
        const char *gaps[MAX], *items[MAX]; /* topics */
        bool is_news;
        const char *news[MAX];
    } pages[] = {
        { true, { NULL }, { "a" }, false, { NULL } },
        { false, { "a", "b" }, { "c" }, true, { "a", "b" } },
        { false, { "a", "b" }, { "c" }, false, { NULL } },
        { false, { "a", "b" }, { "a", "a" }, false, { NULL } },
        { false, { "a", "b" }, { NULL }, true, { "a" } },
        { false, { "a", "b", "d" }, { NULL }, true, { "d" } },
        { true, { NULL }, { NULL }, false, { NULL } },
        { false, { "b" }, { NULL }, true, { "b" } },
        { false, { NULL }, { "a" }, true, { NULL } }, /* of unknown topics */
        { false, { NULL }, { "a" }, false, { NULL } },
        { true, { NULL }, { "a" }, false, { NULL } },
        { false, { NULL }, { NULL }, true, { NULL } },
    };
    struct gaps_told told = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct message *items[MAX];
        struct broker_history page = { .ret_complete = pages[i].complete, .ret_items = items };
        struct gaps *news;

        page.ret_gaps = gaps_of(pages[i].gaps);
        for (; pages[i].items[page.ret_n]; page.ret_n++)
            items[page.ret_n] = message_create(
                (struct msgid){ 1, 0 }, str_of(pages[i].items[page.ret_n]), STR("\"x\""), STR(""));
        assert_int_equal(gaps_news(&told, &page, &news), pages[i].is_news);
        assert_gaps(news, pages[i].news);
        free(news);
        free(page.ret_gaps);
        for (size_t k = 0; k < page.ret_n; k++) {
            gaps_delivered(&told, items[k], true);
            message_unref(items[k]);
        }
    }
    gaps_told_done(&told);
}

static void copies_the_topics(void **state)
{
    char name[] = "a/b";
    const struct str topics[] = { str_of(name), STR("c") };
    struct gaps *gaps = gaps_create(topics, ARRAY_LEN(topics));

    (void)state;
    name[0] = 'x';
    assert_true(str_eq(gaps->topics[0], STR("a/b")));
    assert_true(str_eq(gaps->topics[1], STR("c")));
    free(gaps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_a_gap_once_until_a_message_of_its_topic_comes),
        cmocka_unit_test(copies_the_topics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
