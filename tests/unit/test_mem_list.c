#include "broker/mem/mem_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "broker/topic_page.h"

#define START 1700000000000 /* ms */

static void open_log(struct mem_log *log)
{
    const struct mem_log_limits limits = { .default_ttl_s = 60, .memory = UINT64_MAX };

    mem_log_init(log, &limits, START);
}

static struct msgid publish(struct mem_log *log, const char *topic, uint64_t ttl_s)
{
    const struct mem_log_options options = { .ttl_s = ttl_s };
    const struct mem_now now = { .wall_ms = START, .mono_ms = START };
    struct msgid id = mem_log_next_id(log, START);
    struct message *m = message_create(id, str_of(topic), STR("\"text\""), STR(""));

    mem_log_add(log, m, &options, now);
    message_unref(m);
    return id;
}

static struct topic_page *list(struct mem_log *log, const char *filter, const char *after,
                               size_t limit, uint64_t now)
{
    struct broker_list l = { .filter = str_of(filter), .after = str_of(after), .limit = limit };

    mem_list(log, &l, now);
    return l.ret_page;
}

/* Returns the names of a page, a space after each. */
static const char *names_of(const struct topic_page *page)
{
    static char text[1024];
    size_t n = 0;

    text[0] = '\0';
    for (size_t i = 0; i < page->n; i++) {
        struct str name = topic_name_str(&page->items[i].name);

        n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s ", STR_ARG(name));
    }
    return text;
}

static void lists_what_matches_behind_a_name(void **state)
{
    static const char *const topics[] = { "b", "a/b", "a", "a-b", "ab", "a/b/c", "a/c" };
    static const struct {
        const char *filter, *after, *names;
        size_t limit;
        const char *go_on; /* "": there are no more */
    } cases[] = {
        { "#", "", "a a-b a/b a/b/c a/c ab b ", 7, "" },
        { "#", "", "a a-b a/b a/b/c a/c ab ", 6, "ab" },
        { "#", "ab", "b ", 1, "" },
        { "#", "a/b/a", "a/b/c a/c ", 2, "a/c" }, /* does not exist */
        { "#", "b", "", 7, "" },
        { "#", "z", "", 7, "" },
        { "a/#", "", "a a/b a/b/c a/c ", 100, "" },
        { "a/#", "", "a a/b a/b/c a/c ", 4, "" },
        { "a/#", "a", "a/b ", 1, "a/b" },
        { "a/#", "a/c", "", 1, "" },
        { "a/+", "A", "a/b a/c ", 100, "" },
        { "a/+", "a/b", "a/c ", 1, "" },
        { "+", "a", "a-b ab b ", 100, "" },
        { "b", "", "b ", 1, "" },
        { "b", "a", "b ", 1, "" },
        { "b", "b", "", 1, "" },
        { "c", "", "", 1, "" },
        { "c/#", "", "", 1, "" },
    };
    struct mem_log log;

    (void)state;
    open_log(&log);
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        publish(&log, topics[i], 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct topic_page *page =
            list(&log, cases[i].filter, cases[i].after, cases[i].limit, START);

        assert_string_equal(names_of(page), cases[i].names);
        assert_int_equal(page->more, cases[i].go_on[0] != '\0');
        assert_true(str_eq(topic_name_str(&page->after), str_of(cases[i].go_on)));
        free(page);
    }
    mem_log_done(&log);
}

/* Expired messages are no longer in the log. */
static void tells_the_length_and_the_last_id(void **state)
{
    struct topic_page *page;
    struct mem_log log;
    struct msgid last;

    (void)state;
    open_log(&log);
    publish(&log, "a", 1);
    last = publish(&log, "a", 10);
    publish(&log, "a", 1);
    publish(&log, "b", 1);
    page = list(&log, "#", "", 10, START);
    assert_string_equal(names_of(page), "a b ");
    assert_int_equal(page->items[0].length, 3);
    assert_int_equal(page->items[1].length, 1);
    free(page);
    page = list(&log, "#", "", 10, START + 1000);
    assert_string_equal(names_of(page), "a ");
    assert_int_equal(page->items[0].length, 1);
    assert_int_equal(msgid_cmp(page->items[0].last, last), 0);
    free(page);
    mem_log_done(&log);
}

static void looks_at_a_bounded_number_of_names(void **state)
{
    enum { TOPICS = 2 * BROKER_LIST_NAMES + 1 };
    char after[32] = "", name[32];
    struct mem_log log;
    size_t pages = 0;
    bool more = true;

    (void)state;
    open_log(&log);
    for (size_t i = 0; i < TOPICS; i++) {
        (void)snprintf(name, sizeof(name), "t/%05zu", i);
        publish(&log, name, 0);
    }
    for (; more; pages++) {
        struct topic_page *page = list(&log, "+/none", after, 10, START);

        assert_int_equal(page->n, 0);
        more = page->more;
        if (more) {
            (void)snprintf(name, sizeof(name), "t/%05zu", (pages + 1) * BROKER_LIST_NAMES - 1);
            assert_true(str_eq(topic_name_str(&page->after), str_of(name)));
            memcpy(after, name, sizeof(after));
        }
        free(page);
    }
    assert_int_equal(pages, 3);
    mem_log_done(&log);
}

static void leaves_out_what_was_purged(void **state)
{
    struct mem_purge purge = { 0 };
    struct topic_page *page;
    struct mem_log log;
    struct msgid last;

    (void)state;
    open_log(&log);
    publish(&log, "a", 0);
    publish(&log, "a", 0);
    publish(&log, "b", 0);
    assert_false(mem_log_purge(&log, STR("a"), &purge, START, 9));
    page = list(&log, "#", "", 9, START);
    assert_string_equal(names_of(page), "b ");
    free(page);
    last = publish(&log, "a", 0);
    page = list(&log, "#", "", 9, START);
    assert_string_equal(names_of(page), "a b ");
    assert_int_equal(page->items[0].length, 1);
    assert_int_equal(msgid_cmp(page->items[0].last, last), 0);
    free(page);
    mem_log_done(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_what_matches_behind_a_name),
        cmocka_unit_test(tells_the_length_and_the_last_id),
        cmocka_unit_test(looks_at_a_bounded_number_of_names),
        cmocka_unit_test(leaves_out_what_was_purged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
