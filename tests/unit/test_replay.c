/* test_replay.c - a port reads the log while live messages arrive: what its worker gets. The engine
 * is the test's own; it answers the calls of the replay as each case prescribes.
 */
#include "broker/port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/mem.h"
#include "support/still_core.h"

static struct {
    struct metrics_cell metrics;
    struct core core;
    struct broker_port *port;
    struct broker_call *asked; /* the page that the replay waits for, or NULL */
    size_t posted;
    char story[256]; /* what the worker got; a space follows each word */
} test;

/* ---- the engine ---- */

static void on_call(void *engine, struct broker_call *call)
{
    (void)engine;
    assert_null(test.asked);
    assert_null(call->port);
    test.asked = call;
}

static const struct engine_ops engine = { .call = on_call };

/* ---- the worker ---- */

static void tell(const char *word)
{
    size_t used = strlen(test.story);

    (void)snprintf(test.story + used, sizeof(test.story) - used, "%s ", word);
}

static void on_live(struct mail *m, void *owner)
{
    struct live_batch *batch = container_of(m, struct live_batch, mail);

    (void)owner;
    if (batch->has_gap)
        tell("gap");
    for (size_t i = 0; i < batch->n; i++) {
        char id[24];

        (void)snprintf(id, sizeof(id), "%d", (int)batch->items[i]->id.ms);
        tell(batch->items[i]->legacy ? "f" : id);
    }
    test.posted += batch->n;
    outbox_batch_free(batch);
}

static void on_count(struct mail *m, void *owner)
{
    (void)m;
    (void)owner;
}

static int set_up(void **state)
{
    (void)state;
    memset(&test, 0, sizeof(test));
    still_core_open(&test.core, &engine, &test, &test.metrics);
    test.port = port_create(&test.core, test.core.inbox, on_live, on_count);
    test.port->outbox.high_water = (struct msgid){ 1, 0 };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    while (mailbox_drain(test.core.inbox))
        ;
    port_free(test.port);
    still_core_close(&test.core);
    return 0;
}

/* ---- the feed and the log ---- */

static struct message *message_of(uint64_t id)
{
    return message_create((struct msgid){ id, 0 }, STR("t"), STR("\"x\""), STR(""));
}

static void live(uint64_t id, bool legacy)
{
    struct message *m = message_of(id);

    m->legacy = legacy;
    port_live(test.port, m);
    message_unref(m);
}

struct page {
    struct message *items[8];
    size_t n;
};

/* Takes the call that waits for its page. */
static struct broker_call *begin_answer(enum broker_status status)
{
    struct broker_call *call = test.asked;

    assert_non_null(call);
    test.asked = NULL;
    call->status = status;
    call->history.ret_items = NULL;
    call->history.ret_n = 0;
    return call;
}

static void answer(const struct page *page, uint64_t snapshot_end, bool more, bool complete)
{
    struct broker_call *call = begin_answer(BROKER_DONE);
    struct broker_history *h = &call->history;

    if (msgid_is_zero(h->snapshot_end))
        h->snapshot_end.ms = snapshot_end;
    assert_int_equal(h->snapshot_end.ms, snapshot_end);
    h->ret_items = mem_array(NULL, page->n + 1, sizeof(h->ret_items[0]));
    for (size_t i = 0; i < page->n; i++) {
        assert_true(msgid_cmp(h->after, page->items[i]->id) < 0);
        h->ret_items[h->ret_n++] = page->items[i];
        h->after = page->items[i]->id;
    }
    h->ret_more = more;
    h->ret_complete = complete;
    call->answer(&call->mail, NULL);
}

static void refuse(void)
{
    struct broker_call *call = begin_answer(BROKER_NOT_DONE);

    call->answer(&call->mail, NULL);
}

/* Runs a word of a case. 5: a live message. f: a legacy one. !: messages were missed. p5: an entry
 * of the page. =9, +9, ?9: the page is answered with the snapshot end 9; it is the last one, not
 * the last one, or the last one and incomplete. x: the call fails. */
static void step(const char *word, struct page *page)
{
    uint64_t number = strtoull(word + strcspn(word, "0123456789"), NULL, 10);

    switch (word[0]) {
    case 'f': live(0, true); break;
    case '!': replay_start(&test.port->replay, test.port->outbox.high_water); break;
    case 'x': refuse(); break;
    case 'p': page->items[page->n++] = message_of(number); break;
    case '=':
    case '+':
    case '?':
        answer(page, number, word[0] == '+', word[0] != '?');
        page->n = 0;
        break;
    default: live(number, false);
    }
}

static void play(const char *words)
{
    char text[128], *rest = text;
    struct page page = { .n = 0 };
    const char *word;

    (void)snprintf(text, sizeof(text), "%s", words);
    while ((word = strtok_r(rest, " ", &rest)))
        step(word, &page);
    outbox_flush(&test.port->outbox);
    while (mailbox_drain(test.core.inbox))
        ;
}

static void merges_log_and_live_messages_by_id(void **state)
{
    static const struct {
        const char *words, *story;
        uint64_t high_water;
        bool reads; /* the replay is still running */
    } cases[] = {
        { "2 3", "2 3 ", 3, false },
        { "! 5", "", 1, true },
        { "! =1 2", "2 ", 2, false },
        { "! p3 p5 =5 6", "3 5 6 ", 6, false },
        /* the log and the backlog have it */
        { "! 5 6 p3 p5 =5 7", "3 5 6 7 ", 7, false },
        { "! 3 5 p3 p5 =5", "3 5 ", 5, false },
        /* the log has lost it, the backlog has it */
        { "! 4 6 8 p5 p7 ?7 9", "gap 4 5 6 7 8 9 ", 9, false },
        { "! 4 6 ?9", "gap 4 6 ", 9, false },
        /* and the feed was interrupted behind it: something may be missing there, too */
        { "! 4 6 ! 8 ?3 p9 p11 =11", "gap 4 6 gap 8 9 11 ", 11, false },
        { "! 4 6 ! ?3 p9 +15 10 p12 =15", "gap 4 6 gap 9 10 12 ", 15, false },
        { "! 4 6 ! ?3 =9 10", "gap 4 6 gap 10 ", 10, false },
        { "! 4 ! 8 ! ?3 p9 =9", "gap 4 gap 8 gap 9 ", 9, false },
        { "! 4 ! p4 ?4 p9 =9", "gap 4 9 ", 9, false },
        { "! f ! ?3 p9 =9", "gap f 9 ", 9, false },
        { "! 4 6 =9 12", "4 6 12 ", 12, false },
        { "! 4 6 p3 p5 +9 8 p7 p9 =9 10", "3 4 5 6 7 8 9 10 ", 10, false },
        { "! 4 6 p3 p5 +9", "3 4 5 ", 5, true },
        /* nothing is posted twice */
        { "2 ! 4 p3 =5", "2 3 4 ", 5, false },
        { "4 ! 3 p5 =5", "4 5 ", 5, false },
        /* legacy messages have no id and keep their place */
        { "! f 4 f 6 f p5 =6", "f 4 f 5 6 f ", 6, false },
        { "! f =9 f", "f f ", 9, false },
        /* a gap in the backlog: nothing after it is posted before a new snapshot end is reached */
        { "! 4 ! 8 p3 =3", "3 ", 3, true },
        { "! 4 ! 8 p3 =3 p6 =8 9", "3 4 6 8 9 ", 9, false },
        { "! 4 ! 8 =3 9 =9", "4 8 9 ", 9, false },
        { "! ! ! =3 =9", "", 9, false },
        /* no page: a gap is reported, and the backlog is posted all the same */
        { "! 4 x 5", "gap 4 5 ", 5, false },
        { "! 6 p3 +9 x 10", "3 gap 6 10 ", 10, false },
        { "! 4 ! 8 x 9", "gap 4 gap 8 9 ", 9, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        play(cases[i].words);
        if (strcmp(test.story, cases[i].story) != 0)
            fail_msg("%s: %s", cases[i].words, test.story);
        assert_int_equal(test.port->outbox.high_water.ms, cases[i].high_water);
        assert_int_equal(test.port->replay.is_running, cases[i].reads);
        (void)tear_down(state);
        (void)set_up(state);
    }
}

static void posts_a_full_backlog(void **state)
{
    (void)state;
    replay_start(&test.port->replay, test.port->outbox.high_water);
    for (uint64_t i = 0; i < BROKER_LIVE_MAX_MESSAGES; i++)
        live(2 + i, false);
    play("=1");
    assert_int_equal(test.posted, BROKER_LIVE_MAX_MESSAGES);
}

static void reads_the_log_after_an_overflow(void **state)
{
    enum { LAST = 1 + BROKER_LIVE_MAX_MESSAGES + 1 };
    struct page page = { .n = 0 };

    (void)state;
    replay_start(&test.port->replay, test.port->outbox.high_water);
    for (uint64_t id = 2; id <= LAST; id++)
        live(id, false);
    answer(&page, 1, false, true);
    assert_non_null(test.asked);
    play("p2 p3 =3");
    assert_int_equal(test.posted, 3);
    assert_int_equal(test.port->outbox.high_water.ms, LAST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(merges_log_and_live_messages_by_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(posts_a_full_backlog, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_the_log_after_an_overflow, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
