/* Pages of topics: which ones they have, in which order, and how much one page reads. */
#include "contract/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broker/topic_page.h"

static const struct topic_page *page_of(struct node *n, const struct broker_list *list)
{
    struct asked *a = node_list_call(n, list);

    node_ask(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
    assert_true(a->call.list.ret_page->n <= list->limit);
    return a->call.list.ret_page;
}

/* Reads all pages. Returns the names, a space after each, and the number of pages. */
static const char *read_all(struct node *n, struct broker_list list, size_t *ret_pages)
{
    static char text[4096];
    size_t used = 0, pages = 0;
    const struct topic_page *page;

    text[0] = '\0';
    do {
        page = page_of(n, &list);
        for (size_t i = 0; i < page->n; i++) {
            struct str name = topic_name_str(&page->items[i].name);

            used += (size_t)snprintf(text + used, sizeof(text) - used, "%.*s ", STR_ARG(name));
        }
        list.after = topic_name_str(&page->after);
        pages++;
    } while (page->more);
    *ret_pages = pages;
    return text;
}

static void lists_topics_in_the_order_of_bytes(void **state)
{
    static const char *const topics[] = { "b", "a/b", "a", "a-b", "a/b", "ab", "a/b/c", "a/c" };
    static const struct {
        const char *filter, *after, *names;
        size_t n;
    } cases[] = {
        { "#", "", "a a-b a/b a/b/c a/c ab b ", 7 },
        { "#", "a/b/a", "a/b/c a/c ab b ", 4 },
        { "#", "b", "", 0 },
        { "a/#", "", "a a/b a/b/c a/c ", 4 },
        { "a/#", "a", "a/b a/b/c a/c ", 3 },
        { "a/+", "A", "a/b a/c ", 2 },
        { "a/+", "a/b", "a/c ", 1 },
        { "+", "", "a a-b ab b ", 4 },
        { "b", "", "b ", 1 },
        { "b", "a", "b ", 1 },
        { "b", "b", "", 0 },
        { "none", "", "", 0 },
        { "none/#", "", "", 0 },
    };
    struct node *n = fixture_node(*state);
    size_t pages;

    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        node_publish(n, topics[i], "\"text\"");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct broker_list list = { str_of(cases[i].filter), str_of(cases[i].after), .limit = 1 };

        for (; list.limit <= 8; list.limit++) {
            assert_string_equal(read_all(n, list, &pages), cases[i].names);
            if (cases[i].n)
                assert_int_equal(pages, (cases[i].n + list.limit - 1) / list.limit);
        }
    }
}

static void tells_the_length_of_each_log_and_its_last_id(void **state)
{
    struct fixture *f = *state;
    const struct topic_page *page;
    struct msgid a, b;
    struct node *n;

    f->config.max_cache_length = 3;
    n = fixture_node(f);
    for (size_t i = 0; i < 5; i++)
        a = node_publish(n, "a", "\"text\"");
    b = node_publish(n, "b", "\"text\"");
    page = page_of(n, &(struct broker_list){ STR("#"), STR(""), .limit = 100 });
    assert_int_equal(page->n, 2);
    assert_true(page->items[0].length >= 3); /* Redis may keep a few more */
    assert_true(page->items[0].length <= 5);
    assert_int_equal(msgid_cmp(page->items[0].last, a), 0);
    assert_int_equal(page->items[1].length, 1);
    assert_int_equal(msgid_cmp(page->items[1].last, b), 0);
    assert_false(page->more);
}

static void leaves_out_topics_whose_messages_have_expired(void **state)
{
    struct node *n = fixture_node(*state);
    uint64_t deadline = clock_mono_ms() + NODE_PATIENCE_MS;
    struct asked *a = node_publish_call(n, "a", STR("\"text\""));
    size_t pages;

    a->call.publish.ttl_s = 1;
    node_ask(n, a);
    node_publish(n, "b", "\"text\"");
    while (strcmp(read_all(n, (struct broker_list){ STR("#"), STR(""), .limit = 1 }, &pages),
                  "b ") != 0) {
        assert_true(clock_mono_ms() < deadline);
        nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    }
}

static void lists_nothing_without_a_log(void **state)
{
    struct fixture *f = *state;
    struct node *n;
    size_t pages;

    f->config.cache = false;
    n = fixture_node(f);
    node_publish(n, "a", "\"text\"");
    assert_string_equal(read_all(n, (struct broker_list){ STR("#"), STR(""), .limit = 10 }, &pages),
                        "");
    assert_string_equal(read_all(n, (struct broker_list){ STR("a"), STR(""), .limit = 10 }, &pages),
                        "");
}

/* Redis is not asked for the ids of all of them at once. */
static void lists_topics_with_large_messages(void **state)
{
    struct node *n = fixture_node(*state);
    size_t size = BROKER_PAGE_BYTES + 2, pages;
    char *text = mem_alloc(size + 1);

    memset(text, 'x', size);
    text[0] = text[size - 1] = '"';
    text[size] = '\0';
    node_publish(n, "a", text);
    node_publish(n, "b", text);
    node_publish(n, "c", "\"text\"");
    free(text);
    assert_string_equal(
        read_all(n, (struct broker_list){ STR("#"), STR(""), .limit = 100 }, &pages), "a b c ");
    assert_int_equal(pages, 1);
}

/* Among very many topics, a page without any match ends early, too. */
static void looks_at_a_bounded_number_of_names(void **state)
{
    enum { TOPICS = BROKER_LIST_NAMES + 200, PIECE = 1020 };
    static struct asked *calls[PIECE];
    struct node *n = fixture_node(*state);
    size_t pages;
    char topic[32];

    for (size_t at = 0; at < TOPICS; at += PIECE) {
        for (size_t i = 0; i < PIECE; i++) {
            snprintf(topic, sizeof(topic), "t/%05zu", at + i);
            calls[i] = node_publish_call(n, topic, STR("\"1\""));
            node_post(n, 0, calls[i]);
        }
        for (size_t i = 0; i < PIECE; i++) {
            node_await(n, calls[i]);
            assert_int_equal(calls[i]->call.status, BROKER_DONE);
        }
    }
    assert_string_equal(
        read_all(n, (struct broker_list){ STR("+/none"), STR(""), .limit = 10 }, &pages), "");
    assert_int_equal(pages, 2);
    assert_string_equal(
        read_all(n, (struct broker_list){ STR("+/10199"), STR(""), .limit = 10 }, &pages),
        "t/10199 ");
    assert_int_equal(pages, 2);
    assert_string_equal(
        read_all(n, (struct broker_list){ STR("#"), STR("t/10197"), .limit = 1 }, &pages),
        "t/10198 t/10199 ");
    assert_int_equal(pages, 2);
}

static void command(const struct fixture *f, const char *format)
{
    char text[128];

    snprintf(text, sizeof(text), format, f->prefix);
    redis_server_command(f->redis, text);
}

/* A log that Redis has evicted, another kind of value in its place, and names that are no topics. */
static void leaves_out_what_is_no_topic_with_a_log(void **state)
{
    struct fixture *f = *state;
    struct node *n;
    size_t pages;

    if (!f->redis)
        skip();
    n = fixture_node(f);
    node_publish(n, "a", "\"1\"");
    node_publish(n, "b", "\"1\"");
    node_publish(n, "c", "\"1\"");
    command(f, "DEL {%s}:log:a");
    command(f, "SET {%s}:log:b text");
    command(f, "ZADD {%s}:topics 0 b+ 0 /");
    for (size_t limit = 1; limit <= 4; limit++)
        assert_string_equal(
            read_all(n, (struct broker_list){ STR("#"), STR(""), .limit = limit }, &pages), "c ");
}

/* More calls than are under way at a time. The node checks that each is answered once. */
static void answers_each_call_when_it_stops(void **state)
{
    struct node *n = fixture_node(*state);
    struct asked *calls[20];

    node_publish(n, "a", "\"text\"");
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        calls[i] = node_list_call(n, &(struct broker_list){ STR("#"), STR(""), .limit = 1 });
        node_post(n, i % NODE_WORKERS, calls[i]);
    }
    node_stop(n);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        bool is_done;

        node_await(n, calls[i]);
        is_done = calls[i]->call.status == BROKER_DONE;
        assert_true(is_done || calls[i]->call.status == BROKER_NOT_DONE);
        assert_int_equal(calls[i]->call.list.ret_page != NULL, is_done);
    }
}

/* The next message is the only one. */
static void leaves_out_a_topic_that_was_purged(void **state)
{
    const struct broker_list all = { .filter = STR("#"), .after = STR(""), .limit = 9 };
    struct node *n = fixture_node(*state);
    const struct topic_page *page;
    struct asked *purge;
    size_t pages;

    node_publish(n, "a", "\"1\"");
    node_publish(n, "b", "\"1\"");
    purge = node_purge_call(n, "a");
    node_ask(n, purge);
    assert_int_equal(purge->call.purge.ret_removed, 1);
    assert_string_equal(read_all(n, all, &pages), "b ");
    node_publish(n, "a", "\"2\"");
    page = page_of(n, &all);
    assert_int_equal(page->n, 2);
    assert_int_equal(page->items[0].length, 1);
}

int list_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(lists_topics_in_the_order_of_bytes, f),
        FIXTURE_TEST(tells_the_length_of_each_log_and_its_last_id, f),
        FIXTURE_TEST(leaves_out_topics_whose_messages_have_expired, f),
        FIXTURE_TEST(lists_nothing_without_a_log, f),
        FIXTURE_TEST(lists_topics_with_large_messages, f),
        FIXTURE_TEST(looks_at_a_bounded_number_of_names, f),
        FIXTURE_TEST(leaves_out_what_is_no_topic_with_a_log, f),
        FIXTURE_TEST(answers_each_call_when_it_stops, f),
        FIXTURE_TEST(leaves_out_a_topic_that_was_purged, f),
    };

    return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
