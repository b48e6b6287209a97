/* test_wants.c - subscriptions that wait until the broker sends the messages of their filter: a broker
 * that answers when the test says so, in any order.
 */
#include "app/conn/conn_input.h"
#include "broker/headcount.h"
#include "hub/trie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "hub/topic.h"
#include "proto/json.h"
#include "support/asked_clients.h"

/* ---- one filter ---- */

static void begins_at_the_answer(void **state)
{
    struct client *c = open_client();

    (void)state;
    subscribe(c, 1, "a");
    post(5, "a");
    settle();
    assert_int_equal(engine.n_wants, 1);
    assert_true(str_eq(engine.wants[0]->filter, STR("a")));
    assert_int_equal(buf_used(&c->got), 0);

    post(6, "a"); /* posted before the answer, delivered after it */
    core_answer_want(core(), engine.wants[0], (struct msgid){ .ms = 7 });
    engine.wants[0] = NULL;
    post(7, "a");
    post(8, "a");
    settle();
    assert_true(has(c, "\"lastEventId\":\"7-0\""));
    assert_false(has(c, "\"5-0\""));
    assert_false(has(c, "\"6-0\""));
    assert_false(has(c, "\"id\":\"7-0\""));
    assert_true(has(c, "\"id\":\"8-0\""));
}

static void asks_once_for_all_its_subscribers(void **state)
{
    struct client *a = open_client();
    struct client *b = open_client();

    (void)state;
    subscribe(a, 1, "a");
    settle();
    subscribe(b, 2, "a");
    settle();
    assert_int_equal(engine.n_wants, 1);
    assert_int_equal(buf_used(&b->got), 0);
    answer_want(0, 7);
    assert_true(has_answer(a, 1));
    assert_true(has_answer(b, 2));

    forget(a);
    subscribe(a, 3, "a"); /* in place of its own */
    settle();
    assert_true(has_answer(a, 3));
    assert_int_equal(engine.n_wants, 1);
    assert_string_equal(engine.unwanted, "");
}

static void takes_answers_in_any_order(void **state)
{
    struct client *c = open_client();

    (void)state;
    subscribe(c, 1, "a");
    subscribe(c, 2, "a/b");
    subscribe(c, 3, "a/#");
    settle();
    assert_int_equal(engine.n_wants, 3);
    answer_want(2, 7);
    assert_true(has_answer(c, 3));
    post(8, "a/b");
    settle();
    assert_false(has_answer(c, 2));
    answer_want(0, 9);
    answer_want(1, 9);
    forget(c);
    post(10, "a/b");
    settle();
    assert_false(has_answer(c, 1));
    assert_true(has_answer(c, 2));
    assert_true(has_answer(c, 3));
}

/* ---- closing ---- */

static void is_closed_while_it_waits(void **state)
{
    struct client *c = open_client();

    (void)state;
    subscribe(c, 1, "a");
    request(c, 2, "unsubscribe", "{\"topic\":\"a\"}");
    settle();
    assert_true(has(c, "\"action\":\"subscribe\""));
    assert_true(has(c, "\"unsubscribe_count\":1"));
    assert_string_equal(engine.unwanted, "");
    answer_want(0, 7);
    assert_string_equal(engine.unwanted, "a ");
    forget(c);
    post(8, "a");
    settle();
    assert_int_equal(buf_used(&c->got), 0);
}

static void comes_and_goes_with_one_want(void **state)
{
    struct client *c = open_client();

    (void)state;
    for (int i = 0; i < 200; i++) {
        subscribe(c, i, "a");
        request(c, i, "unsubscribe", "{\"topic\":\"a\"}");
        settle();
    }
    subscribe(c, 1000, "a");
    settle();
    assert_int_equal(engine.n_wants, 1);
    assert_false(has_answer(c, 1000));
    answer_want(0, 7);
    assert_true(has_answer(c, 1000));
    assert_string_equal(engine.unwanted, "");
    request(c, 1001, "unsubscribeAll", "{}");
    settle();
    assert_string_equal(engine.unwanted, "a ");
}

static void is_replaced_while_it_waits(void **state)
{
    struct client *c = open_client();

    (void)state;
    subscribe(c, 1, "a");
    subscribe(c, 2, "a");
    settle();
    assert_true(has_answer(c, 1));
    assert_false(has_answer(c, 2));
    answer_want(0, 7);
    assert_true(has_answer(c, 2));
    forget(c);
    post(8, "a");
    settle();
    assert_false(has_answer(c, 1));
    assert_true(has_answer(c, 2));
}

/* Requests that a client made before it disconnected are executed. */
static void goes_away_while_it_waits(void **state)
{
    struct client *c = open_client();

    (void)state;
    subscribe(c, 1, "a");
    publish(c, 2);
    settle();
    assert_int_equal(engine.n_calls, 0);
    close(c->fd);
    c->fd = -1;
    settle();
    assert_int_equal(engine.n_calls, 1);
    answer_want(0, 7);
    assert_string_equal(engine.unwanted, "a ");
}

/* The Close follows the answers to all earlier requests. */
static void drains_while_it_waits(void **state)
{
    struct client *c = open_client();

    (void)state;
    subscribe(c, 1, "a");
    publish(c, 2);
    settle();
    fx.sw.worker->draining = true;
    fx.sw.worker->drain_until_ms = loop_now(fx.sw.worker->loop) + 60000;
    conn_drain(c->conn);
    settle();
    assert_int_equal(buf_used(&c->got), 0);
    answer_want(0, 7);
    assert_true(has_answer(c, 1));
    assert_false(has(c, "\x88\x02\x03\xe9")); /* Close 1001 */
    answer_call(0, BROKER_DONE);
    assert_true(has_answer(c, 2));
    assert_true(has(c, "\x88\x02\x03\xe9"));
}

static void on_counted(const void *e, void *arg, struct presence total)
{
    (void)e;
    *(uint64_t *)arg = total.count;
    presence_done(&total);
}

static uint64_t count(const char *topic)
{
    uint64_t n = UINT64_MAX;

    headcount_start(core(), str_of(topic), false, on_counted, &n);
    settle();
    assert_true(n != UINT64_MAX);
    return n;
}

/* A message that is published now would not reach it. */
static void is_not_counted_while_it_waits(void **state)
{
    struct client *c = open_client();

    (void)state;
    subscribe(c, 1, "a");
    settle();
    assert_int_equal(count("a"), 0);
    answer_want(0, 7);
    assert_int_equal(count("a"), 1);
}

/* An unanswered want counts as a request, also when its subscription was closed. */
static void bounds_what_waits(void **state)
{
    struct client *c = open_client();
    char topic[16];

    (void)state;
    for (int i = 0; i < 300; i++) {
        (void)snprintf(topic, sizeof(topic), "t/%d", i);
        subscribe(c, i, topic);
        (void)snprintf(topic, sizeof(topic), "[\"t/%d\"]", i);
        request(c, i, "unsubscribe", topic);
        settle();
    }
    assert_int_equal(engine.n_wants, CONN_MAX_PENDING - 1); /* and one subscription that waits */
    for (size_t i = 0; i < CONN_MAX_PENDING - 1; i++)
        answer_want(i, 7);
    assert_int_equal(engine.n_wants, 300);
}

/* ---- requests behind it ---- */

static void holds_back_later_requests_of_its_client(void **state)
{
    struct client *a = open_client();
    struct client *b = open_client();

    (void)state;
    subscribe(a, 1, "a");
    publish(a, 2);
    request(a, 3, "get", "{\"key\":\"k\"}");
    request(a, 4, "eventlog", "{\"topic\":\"a\",\"since\":1}");
    request(a, 5, "presence", "{\"topic\":\"a\"}");
    request(a, 6, "ping", "{}");
    publish(b, 7);
    settle();
    assert_true(has_answer(a, 6));
    assert_int_equal(engine.n_calls, 1);
    assert_int_equal(call(0)->lane, b->conn->ref.slot);

    answer_want(0, 7);
    assert_true(has_answer(a, 1));
    assert_int_equal(engine.n_calls, 5);
    assert_int_equal(call(1)->op, BROKER_OP_PUBLISH);
    assert_int_equal(call(2)->op, BROKER_OP_GET);
    assert_int_equal(call(3)->op, BROKER_OP_HISTORY);
    assert_int_equal(call(4)->op, BROKER_OP_PRESENCE);
    publish(a, 8);
    settle();
    assert_int_equal(engine.n_calls, 6);
}

/* Each request waits only for the subscriptions before it. */
static void keeps_the_order_of_subscriptions_and_requests(void **state)
{
    struct client *c = open_client();

    (void)state;
    subscribe(c, 1, "a");
    publish(c, 2);
    subscribe(c, 3, "b");
    publish(c, 4);
    settle();
    answer_want(1, 7);
    assert_true(has_answer(c, 3));
    assert_int_equal(engine.n_calls, 0);
    answer_want(0, 7);
    assert_int_equal(engine.n_calls, 2);

    subscribe(c, 5, "c");
    publish(c, 6);
    subscribe(c, 7, "d");
    publish(c, 8);
    settle();
    answer_want(2, 7);
    assert_int_equal(engine.n_calls, 3);
    request(c, 9, "unsubscribe", "{\"topic\":\"d\"}");
    settle();
    assert_int_equal(engine.n_calls, 4);
}

/* The message of the publish must reach the second subscription, since it cannot reach the first. */
static void keeps_the_order_when_a_subscription_is_replaced(void **state)
{
    struct client *c = open_client();

    (void)state;
    subscribe(c, 1, "a");
    publish(c, 2);
    subscribe(c, 3, "a");
    publish(c, 4);
    subscribe(c, 5, "b");
    settle();
    assert_true(has_answer(c, 1));
    assert_int_equal(engine.n_calls, 0);
    answer_want(0, 7);
    assert_int_equal(engine.n_calls, 2);
}

static void fails_requests_at_their_deadline(void **state)
{
    struct client *c = open_client();

    (void)state;
    fx.sw.config.broker_timeout = 0;
    subscribe(c, 1, "a");
    publish(c, 2);
    request(c, 3, "eventlog", "{\"topic\":\"a\",\"since\":1}");
    while (!has(c, "not published") || !has(c, "the log could not be read"))
        settle();
    assert_int_equal(engine.n_calls, 0);
    answer_want(0, 7);
    assert_true(has_answer(c, 1));
    assert_int_equal(engine.n_calls, 0);
}

/* The deadline counts from the request. */
static void passes_on_what_is_left_of_the_time(void **state)
{
    struct client *c = open_client();
    uint64_t from_ms;

    (void)state;
    subscribe(c, 1, "a");
    publish(c, 2);
    settle();
    from_ms = loop_now(fx.sw.worker->loop);
    while (loop_now(fx.sw.worker->loop) < from_ms + 2)
        still_worker_turn(&fx.sw);
    answer_want(0, 7);
    assert_true(call(0)->timeout_ms <= fx.sw.config.broker_timeout * 1000 - 2);
}

/* ---- batches, history, streams ---- */

static void completes_a_batch_later(void **state)
{
    struct client *c = open_client();

    (void)state;
    send_text(c, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscribe\",\"params\":{\"topic\":"
                 "\"a\"}},{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"subscribe\",\"params\":{"
                 "\"topic\":\"b\"}},{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"ping\"}]");
    settle();
    answer_want(0, 7);
    post(8, "a"); /* waits for the array */
    settle();
    assert_int_equal(buf_used(&c->got), 0);
    answer_want(1, 9);
    assert_true(has(c, "[{\"id\":3,"));
    assert_true(has(c, "{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{\"id\":\"8-0\""));
    assert_true(memmem(buf_head(&c->got), buf_used(&c->got), "]", 1) <
                memmem(buf_head(&c->got), buf_used(&c->got), "\"8-0\"", 5));
}

static void reads_the_log_when_it_is_live(void **state)
{
    struct client *c = open_client();

    (void)state;
    request(c, 1, "subscribe", "{\"topic\":\"a\",\"sinceEventId\":\"3-0\"}");
    settle();
    assert_true(engine.wants[0]->reads_history);
    assert_int_equal(engine.n_calls, 0);
    answer_want(0, 7);
    assert_int_equal(call(0)->op, BROKER_OP_HISTORY);
    call(0)->history.snapshot_end = (struct msgid){ .ms = 9 };
    call(0)->history.ret_complete = true;
    post(10, "a");
    settle();
    assert_int_equal(buf_used(&c->got), 0);
    answer_call(0, BROKER_DONE);
    assert_true(has(c, "\"recovered\":true"));
    assert_true(has(c, "\"10-0\""));
}

/* The answer to a want of one that reads history does not tell where others begin. */
static void asks_again_after_history(void **state)
{
    struct client *c = open_client();

    (void)state;
    request(c, 1, "subscribe", "{\"topic\":\"a\",\"sinceEventId\":\"3-0\"}");
    settle();
    answer_want(0, 7);
    subscribe(c, 2, "a");
    settle();
    assert_false(has_answer(c, 2));
    assert_int_equal(engine.n_wants, 2);
    assert_false(engine.wants[1]->reads_history);
    answer_want(1, 9);
    assert_true(has(c, "\"lastEventId\":\"9-0\""));
}

static void asks_again_for_a_subscriber_without_history(void **state)
{
    struct client *a = open_client();
    struct client *b = open_client();

    (void)state;
    request(a, 1, "subscribe", "{\"topic\":\"a\",\"sinceEventId\":\"3-0\"}");
    settle();
    subscribe(b, 2, "a");
    settle();
    assert_int_equal(engine.n_wants, 1);
    answer_want(0, 7);
    assert_int_equal(call(0)->op, BROKER_OP_HISTORY);
    assert_false(has_answer(b, 2));
    assert_int_equal(engine.n_wants, 2);
    assert_false(engine.wants[1]->reads_history);
    request(b, 3, "subscribe", "{\"topic\":\"a\",\"sinceEventId\":\"3-0\"}"); /* enough for this */
    settle();
    assert_int_equal(engine.n_calls, 2);
    answer_want(1, 9);
    subscribe(b, 4, "a");
    settle();
    assert_true(has(b, "\"lastEventId\":\"9-0\""));
    assert_int_equal(engine.n_wants, 2);
}

static void closes_a_stream_that_waits(void **state)
{
    struct client *c = open_stream("/a");

    (void)state;
    close(c->fd);
    c->fd = -1;
    settle();
    answer_want(0, 7);
    assert_string_equal(engine.unwanted, "a ");
}

static void answers_a_stream_when_it_is_live(void **state)
{
    struct client *c = open_stream("/a");

    (void)state;
    answer_want(0, 7);
    assert_true(has(c, "HTTP/1.1 200 OK\r\n"));
    assert_true(has(c, ":ok\n"));
    assert_true(has(c, "id: 7-0\n"));
    post(8, "a");
    settle();
    assert_true(has(c, "id: 8-0\ndata: text\n"));
}

/* ---- subscribers that come and go at random, and a broker that sends no more than it was asked for ----
 *
 * The broker answers wants late and in any order, and gives the worker only messages of filters that
 * it has answered, or is about to (then it may). Rule: each subscription gets exactly the messages
 * above the id at which it says that it begins, up to its end, in order and once. */

#define STEPS      4000
#define STEP_SUBS  1024 /* subscriptions of one run, at most */
#define STEP_TOPIC 3

static const char *const topics[STEP_TOPIC] = { "a", "a/b", "c" };
static const char *const filters[] = { "a", "a/b", "a/#", "+/b", "#", "c" };

static struct run {
    uint32_t random;
    uint64_t newest; /* the last id that was issued; the id i is that of a message of of[i] */
    uint64_t posted; /* to the worker */
    uint8_t of[STEPS + 2];
    enum { ABSENT, OPENING, OPEN } states[ARRAY_LEN(filters)];
    struct model_sub {
        size_t client;
        size_t filter;
        bool is_confirmed;
        uint64_t last; /* delivered, or where it begins */
        uint64_t end;  /* 0: it is open */
    } subs[STEP_SUBS]; /* by the id of the request */
    size_t n_subs;
} run;

static uint32_t below(uint32_t n)
{
    run.random = run.random * 1664525 + 1013904223;
    return (run.random >> 8) % n;
}

static size_t index_of(struct str filter)
{
    size_t i = 0;

    while (!str_eq(filter, str_of(filters[i])))
        i++;
    return i;
}

/* Returns the next message for the subscription after `id`, at most `end`, or 0 if none follows. */
static uint64_t next_for(const struct model_sub *s, uint64_t id, uint64_t end)
{
    while (++id <= end) {
        if (filter_matches(str_of(filters[s->filter]), str_of(topics[run.of[id]])))
            return id;
    }
    return 0;
}

static uint64_t ms_of(const json_t *text)
{
    struct msgid id = { 0 };

    assert_int_equal(msgid_parse(json_text(text), &id), EH_OK);
    return id.ms;
}

static void take_answer(struct client *c, const json_t *answer)
{
    json_int_t id = json_integer_value(json_object_get(answer, "id"));
    const json_t *result = json_object_get(answer, "result");
    const json_t *begin = json_object_get(result, "lastEventId");
    struct model_sub *s = &run.subs[id];

    if (id == 0)
        return; /* an unsubscribe */
    assert_true((size_t)id < run.n_subs && s->client == (size_t)(c - fx.clients));
    if (begin) {
        assert_false(s->is_confirmed);
        s->is_confirmed = true;
        s->last = ms_of(begin);
        return;
    }
    assert_true(s->is_confirmed);
    assert_int_equal(s->end, 0);
    assert_int_equal(ms_of(json_object_get(result, "id")), next_for(s, s->last, run.newest));
    s->last = ms_of(json_object_get(result, "id"));
}

/* Takes a whole frame, whose head has 2 or 4 bytes. Returns false if it is not whole yet. */
static bool take_frame(struct client *c)
{
    const unsigned char *p = (const unsigned char *)buf_head(&c->got);
    size_t used = buf_used(&c->got);
    bool is_large = used >= 4 && p[1] == 126;
    size_t head = is_large ? 4 : 2;
    size_t n = used < 4 ? 0 : is_large ? (size_t)(p[2] << 8 | p[3]) : p[1];
    json_auto_t *answer = NULL;

    if (n == 0 || used < head + n)
        return false;
    answer = json_loadb((const char *)p + head, n, 0, NULL);
    assert_non_null(answer);
    take_answer(c, answer);
    buf_consume(&c->got, head + n);
    return true;
}

static void take_answers(void)
{
    bool is_over;

    do {
        is_over = true;
        settle();
        for (size_t i = 0; i < CLIENTS; i++) {
            while (take_frame(&fx.clients[i]))
                is_over = false;
        }
    } while (!is_over);
}

/* Every subscription that is open and was answered has all messages. */
static void check_all(void)
{
    for (size_t i = 1; i < run.n_subs; i++) {
        const struct model_sub *s = &run.subs[i];

        if (s->is_confirmed && s->end == 0)
            assert_int_equal(next_for(s, s->last, run.newest), 0);
    }
}

/* The client's open subscription to the filter ends, because it is closed or replaced. */
static void end_of(size_t client, size_t filter)
{
    for (size_t i = 1; i < run.n_subs; i++) {
        struct model_sub *s = &run.subs[i];

        if (s->client == client && s->filter == filter && s->end == 0)
            s->end = run.newest;
    }
}

static void step_subscribe(size_t client, size_t filter)
{
    char params[128];
    uint64_t from = 1 + below((uint32_t)run.newest);

    if (run.n_subs == STEP_SUBS)
        return;
    (void)snprintf(params, sizeof(params), "{\"topic\":\"%s\",\"gaps\":true}", filters[filter]);
    if (below(3) == 0)
        (void)snprintf(params, sizeof(params),
                       "{\"topic\":\"%s\",\"gaps\":true,\"sinceEventId\":\"%d-0\"}",
                       filters[filter], (int)from);
    end_of(client, filter);
    run.subs[run.n_subs] = (struct model_sub){ .client = client, .filter = filter };
    request(&fx.clients[client], (int)run.n_subs++, "subscribe", params);
}

static void step_unsubscribe(size_t client, size_t filter)
{
    char params[64];

    end_of(client, filter);
    (void)snprintf(params, sizeof(params), "[\"%s\"]", filters[filter]);
    request(&fx.clients[client], 0, "unsubscribe", params);
}

/* Publishes, and posts the message if it was asked for. */
static void step_publish(void)
{
    uint64_t id = ++run.newest;
    const char *topic = topics[run.of[id] = (uint8_t)below(STEP_TOPIC)];
    bool comes = false;

    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        bool matches = filter_matches(str_of(filters[i]), str_of(topic));

        comes |= matches && (run.states[i] == OPEN || (run.states[i] == OPENING && below(2)));
    }
    if (!comes)
        return;
    core()->high_water = (struct msgid){ .ms = id }; /* as fanout_live does */
    core_share_newest(core());
    post(id, topic);
    run.posted = id;
}

/* Wants that read history get an id that may be too low. */
static void step_answer_want(void)
{
    size_t i = below(MAX);

    for (size_t n = 0; n < MAX; n++, i = (i + 1) % MAX) {
        struct broker_want *want = engine.wants[i];
        uint64_t newest;

        if (!want)
            continue;
        newest = want->reads_history ? run.posted : run.newest;
        run.states[index_of(want->filter)] = OPEN;
        engine.wants[i] = NULL;
        core_answer_want(core(), want, (struct msgid){ .ms = newest });
        return;
    }
}

static void step_answer_page(void)
{
    for (size_t i = 0; i < engine.n_calls; i++) {
        struct broker_call *c = engine.calls[i];
        struct broker_history *h = c ? &c->history : NULL;
        const struct model_sub s = { .filter = h ? index_of(h->filter) : 0 };

        if (!c || below(2))
            continue;
        h->snapshot_end = (struct msgid){ .ms = run.newest };
        h->ret_complete = true;
        h->ret_items = calloc(STEPS, sizeof(h->ret_items[0]));
        for (uint64_t id = h->after.ms; (id = next_for(&s, id, run.newest));)
            h->ret_items[h->ret_n++] = message_create(
                (struct msgid){ .ms = id }, str_of(topics[run.of[id]]), STR("\"text\""), STR(""));
        engine.calls[i] = NULL;
        core_answer(core(), c, BROKER_DONE);
    }
}

/* Notes what the worker has asked for since the last step, and forgets what was answered. */
static void take_requests(void)
{
    struct str unwanted = str_of(engine.unwanted), filter;
    size_t n = 0;

    while (str_cut(&unwanted, ' ', &filter)) {
        if (filter.n == 0)
            continue;
        for (size_t i = 0; i < engine.n_wants; i++) /* there is one mail at a time for a filter */
            assert_false(engine.wants[i] && str_eq(engine.wants[i]->filter, filter) &&
                         run.states[index_of(filter)] != OPEN);
        run.states[index_of(filter)] = ABSENT;
    }
    engine.unwanted[0] = '\0';
    for (size_t i = 0; i < engine.n_wants; i++) {
        struct broker_want *want = engine.wants[i];

        engine.wants[i] = NULL;
        if (!want)
            continue;
        engine.wants[n++] = want;
        if (run.states[index_of(want->filter)] == ABSENT)
            run.states[index_of(want->filter)] = OPENING;
    }
    engine.n_wants = n;
    n = 0;
    for (size_t i = 0; i < engine.n_calls; i++) {
        if (engine.calls[i])
            engine.calls[n++] = engine.calls[i];
    }
    engine.n_calls = n;
}

static void delivers_exactly_what_it_promised(void **state)
{
    (void)state;
    memset(&run, 0, sizeof(run));
    run.random = 42;
    run.newest = run.posted = 1;
    run.n_subs = 1;
    for (size_t i = 0; i < CLIENTS; i++)
        (void)open_client();
    for (int step = 0; step < STEPS; step++) {
        size_t client = below(CLIENTS), filter = below(ARRAY_LEN(filters));

        switch (below(10)) {
        case 0:
        case 1: step_subscribe(client, filter); break;
        case 2:
        case 3:
        case 4: step_unsubscribe(client, filter); break;
        case 5:
        case 6: step_answer_want(); break;
        case 7: step_answer_page(); break;
        default: step_publish(); break;
        }
        take_answers();
        take_requests();
        if (engine.n_calls == 0)
            check_all();
    }
    assert_true(run.n_subs > 300);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(begins_at_the_answer),
        TEST(asks_once_for_all_its_subscribers),
        TEST(takes_answers_in_any_order),
        TEST(is_closed_while_it_waits),
        TEST(comes_and_goes_with_one_want),
        TEST(is_replaced_while_it_waits),
        TEST(goes_away_while_it_waits),
        TEST(drains_while_it_waits),
        TEST(is_not_counted_while_it_waits),
        TEST(bounds_what_waits),
        TEST(holds_back_later_requests_of_its_client),
        TEST(keeps_the_order_of_subscriptions_and_requests),
        TEST(keeps_the_order_when_a_subscription_is_replaced),
        TEST(fails_requests_at_their_deadline),
        TEST(passes_on_what_is_left_of_the_time),
        TEST(completes_a_batch_later),
        TEST(reads_the_log_when_it_is_live),
        TEST(asks_again_after_history),
        TEST(asks_again_for_a_subscriber_without_history),
        TEST(closes_a_stream_that_waits),
        TEST(answers_a_stream_when_it_is_live),
        TEST(delivers_exactly_what_it_promised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
