/* test_echo.c - a connection does not get the messages that it published with "echo": false.
 * The broker is the test's own.
 */
#include "app/sub/echo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/mem.h"
#include "support/asked_clients.h"

/* Publishes to "a" without an echo; returns the author that the broker is told. */
static struct author publish_without_echo(struct client *c)
{
    request(c, 9, "publish", "{\"topic\":\"a\",\"message\":\"m\",\"echo\":false}");
    settle();
    return call(engine.n_calls - 1)->publish.author;
}

static struct message *message_by(uint64_t ms, const struct author *author)
{
    return message_create_by((struct msgid){ .ms = ms }, STR("a"), STR("\"x\""), STR(""), author);
}

static void live(uint64_t ms, const struct author *author)
{
    still_worker_post(&fx.sw, message_by(ms, author));
}

static bool has_message(const struct client *c, uint64_t ms)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "{\"id\":\"%d-0\"", (int)ms);
    return has(c, text);
}

static const struct author nobody = { 0 };

static void names_the_author_only_without_an_echo(void **state)
{
    static const char *const others[] = { "", ",\"echo\":true", ",\"echo\":null" };
    struct client *c = open_client();
    struct author first, second;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        char params[64];

        (void)snprintf(params, sizeof(params), "{\"topic\":\"a\",\"message\":\"m\"%s}", others[i]);
        request(c, 1, "publish", params);
        settle();
        assert_true(call(engine.n_calls - 1)->publish.author.n == 0);
    }
    first = publish_without_echo(c);
    second = publish_without_echo(c);
    assert_true(first.n == 1 && second.n == 2);
    assert_true(first.slot == c->conn->ref.slot && first.worker == fx.sw.worker->author_id);
}

static void refuses_an_echo_that_is_no_boolean(void **state)
{
    struct client *c = open_client();

    (void)state;
    request(c, 1, "publish", "{\"topic\":\"a\",\"message\":\"m\",\"echo\":\"no\"}");
    settle();
    assert_true(has(c, "echo must be true or false"));
    assert_int_equal(engine.n_calls, 0);
}

/* The message comes before the answer to the publish. */
static void does_not_deliver_its_own_message(void **state)
{
    struct client *own = open_client(), *other = open_client();
    struct author author;

    (void)state;
    subscribe(own, 1, "a");
    subscribe(other, 1, "a");
    settle();
    answer_want(0, 7);
    author = publish_without_echo(own);
    live(8, &author);
    settle();
    assert_false(has_message(own, 8));
    assert_true(has_message(other, 8));
    live(9, &nobody);
    settle();
    assert_true(has_message(own, 9) && has_message(other, 9));
}

/* Own messages lie in the middle of what could be one run. */
static void delivers_the_others_of_a_burst(void **state)
{
    struct client *own = open_client(), *other = open_client();
    struct author author;

    (void)state;
    subscribe(own, 1, "a");
    subscribe(own, 2, "+");
    subscribe(other, 1, "a");
    settle();
    answer_want(0, 7);
    answer_want(1, 7);
    author = publish_without_echo(own);
    for (uint64_t ms = 8; ms < 16; ms++)
        live(ms, ms == 10 || ms == 11 || ms == 15 ? &author : &nobody);
    settle();
    for (uint64_t ms = 8; ms < 16; ms++) {
        assert_int_equal(has_message(own, ms), ms != 10 && ms != 11 && ms != 15);
        assert_true(has_message(other, ms));
    }
}

/* Any program that may write to Redis can invent an author. */
static void ignores_authors_that_are_not_here(void **state)
{
    struct client *c = open_client();
    struct author good;

    (void)state;
    subscribe(c, 1, "a");
    settle();
    answer_want(0, 7);
    good = publish_without_echo(c);
    for (uint64_t i = 0; i < 3; i++) {
        struct author bad = good;

        bad.worker += i == 0;
        bad.slot += i == 1 ? 1000000 : 0;
        bad.generation += i == 2;
        live(8 + i, &bad);
        settle();
        assert_true(has_message(c, 8 + i));
    }
}

static void answer_page(size_t i, uint64_t end, struct message *const *items, size_t n)
{
    struct broker_history *h = &call(i)->history;

    h->snapshot_end.ms = end;
    h->ret_items = mem_array(NULL, n, sizeof(h->ret_items[0]));
    memcpy(h->ret_items, items, n * sizeof(h->ret_items[0]));
    h->ret_n = n;
    h->after = items[n - 1]->id;
    h->ret_complete = true;
    answer_call(i, BROKER_DONE);
}

/* History has the connection's own messages from before it asked, and none from later. */
static void history_has_what_was_published_before(void **state)
{
    struct client *c = open_client();
    struct author before = publish_without_echo(c), after;
    struct message *page[3];

    (void)state;
    request(c, 1, "subscribe", "{\"topic\":\"a\",\"sinceEventId\":\"3-0\"}");
    settle();
    answer_want(0, 7);
    after = publish_without_echo(c);
    page[0] = message_by(4, &before);
    page[1] = message_by(5, &after);
    page[2] = message_by(6, &nobody);
    live(7, &after); /* also one that the join holds back */
    live(8, &nobody);
    settle();
    answer_page(1, 6, page, ARRAY_LEN(page));
    assert_true(has_message(c, 4) && has_message(c, 6) && has_message(c, 8));
    assert_false(has_message(c, 5));
    assert_false(has_message(c, 7));
}

#define ECHO_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ECHO_TEST(names_the_author_only_without_an_echo),
        ECHO_TEST(refuses_an_echo_that_is_no_boolean),
        ECHO_TEST(does_not_deliver_its_own_message),
        ECHO_TEST(delivers_the_others_of_a_burst),
        ECHO_TEST(ignores_authors_that_are_not_here),
        ECHO_TEST(history_has_what_was_published_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
