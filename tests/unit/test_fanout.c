/* test_fanout.c - a node reads the log once after an interruption, for all its workers, and moves
 * their marks over silent topics. The engine is the test's own.
 */
#include "broker/fanout.h"

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
#include "broker/port.h"

#define PORTS 2

static struct {
    struct metrics_cell metrics;
    struct core core;
    struct fanout fanout;
    struct broker_port *ports[PORTS];
    struct broker_call *asked[PORTS + 1]; /* pages that are not answered yet */
    size_t n_asked;
    struct {
        char story[128]; /* what the worker got; a space follows each word */
        uint64_t high_water;
        size_t batches;
    } workers[PORTS];
} test;

static void on_call(void *engine, struct broker_call *call)
{
    (void)engine;
    assert_true(test.n_asked < ARRAY_LEN(test.asked));
    test.asked[test.n_asked++] = call;
}

static const struct engine_ops engine = { .call = on_call };

static size_t number_of(const struct outbox *box)
{
    return box == &test.ports[0]->outbox ? 0 : 1;
}

static void tell(char story[128], const char *word)
{
    size_t used = strlen(story);

    (void)snprintf(story + used, 128 - used, "%s ", word);
}

static void on_live(struct mail *m, void *owner)
{
    struct live_batch *batch = container_of(m, struct live_batch, mail);
    size_t k = number_of(batch->outbox);

    (void)owner;
    if (batch->has_gap)
        tell(test.workers[k].story, batch->gaps ? "gap-t" : "gap");
    for (size_t i = 0; i < batch->n; i++) {
        char id[24];

        (void)snprintf(id, sizeof(id), "%d", (int)batch->items[i]->id.ms);
        tell(test.workers[k].story, id);
    }
    test.workers[k].high_water = batch->high_water.ms;
    test.workers[k].batches++;
    outbox_batch_free(batch);
}

static int set_up(void **state)
{
    (void)state;
    memset(&test, 0, sizeof(test));
    still_core_open(&test.core, &engine, &test, &test.metrics);
    test.core.fanout = &test.fanout;
    fanout_init(&test.fanout, &test.core);
    for (size_t i = 0; i < PORTS; i++) {
        test.ports[i] = port_create(&test.core, test.core.inbox, on_live, on_live);
        fanout_add(&test.fanout, test.ports[i]);
    }
    fanout_set_high_water(&test.fanout, (struct msgid){ 1, 0 });
    return 0;
}

static void turn(void)
{
    for (size_t i = 0; i < PORTS; i++)
        outbox_flush(&test.ports[i]->outbox);
    while (mailbox_drain(test.core.inbox))
        ;
}

static int tear_down(void **state)
{
    (void)state;
    turn();
    loop_cancel(&test.fanout.flush);
    fanout_end(&test.fanout);
    fanout_done(&test.fanout);
    still_core_close(&test.core);
    return 0;
}

static struct message *message_of(uint64_t id)
{
    return message_create((struct msgid){ id, 0 }, STR("t"), STR("\"x\""), STR(""));
}

static void live(uint64_t id)
{
    fanout_live(&test.fanout, message_of(id));
}

/* Answers the oldest page: up to two entries, 0: none. */
static void answer(uint64_t first, uint64_t second, uint64_t snapshot_end, bool complete)
{
    struct broker_call *call = test.asked[0];
    struct broker_history *h = &call->history;
    const uint64_t ids[] = { first, second };

    assert_true(test.n_asked > 0);
    memmove(test.asked, test.asked + 1, --test.n_asked * sizeof(test.asked[0]));
    call->status = BROKER_DONE;
    h->snapshot_end.ms = snapshot_end;
    h->ret_items = mem_array(NULL, 2, sizeof(h->ret_items[0]));
    for (size_t i = 0; i < ARRAY_LEN(ids) && ids[i]; i++)
        h->ret_items[h->ret_n++] = message_of(ids[i]);
    h->after.ms = snapshot_end;
    h->ret_more = false;
    h->ret_complete = complete;
    h->ret_gaps = complete ? NULL : gaps_create(&STR("t"), 1);
    call->answer(&call->mail, NULL);
}

static void assert_stories(const char *first, const char *second)
{
    turn();
    assert_string_equal(test.workers[0].story, first);
    assert_string_equal(test.workers[1].story, second);
}

static void reads_the_log_once_for_all_workers(void **state)
{
    (void)state;
    live(2);
    fanout_set_high_water(&test.fanout, (struct msgid){ 5, 0 });
    fanout_resync(&test.fanout);
    live(5);
    live(6);
    assert_int_equal(test.n_asked, 1);
    assert_int_equal(test.asked[0]->history.after.ms, 2);
    assert_stories("2 ", "2 ");
    assert_int_equal(test.core.high_water.ms, 6);
    answer(3, 5, 7, true);
    live(8);
    assert_int_equal(test.n_asked, 0);
    assert_stories("2 3 5 6 8 ", "2 3 5 6 8 ");
    assert_int_equal(metrics_get(&test.metrics, METRIC_REPLAYS), 1);
    assert_int_equal(metrics_get(&test.metrics, METRIC_REPLAY_ENTRIES), 2);
    assert_int_equal(metrics_get(&test.metrics, METRIC_REPLAY_GAPS), 0);
}

static void tells_every_worker_of_a_gap(void **state)
{
    (void)state;
    fanout_resync(&test.fanout);
    live(3);
    answer(5, 0, 5, false);
    assert_stories("gap-t 3 5 ", "gap-t 3 5 ");
    assert_int_equal(metrics_get(&test.metrics, METRIC_REPLAY_GAPS), 1);
}

/* A worker that is behind reads for itself, and takes what the node passes on as live. */
static void leaves_a_worker_that_is_behind_to_its_own_replay(void **state)
{
    (void)state;
    replay_start(&test.ports[1]->replay, test.ports[1]->outbox.high_water);
    fanout_resync(&test.fanout);
    live(6);
    assert_int_equal(test.n_asked, 2);
    answer(3, 0, 4, false); /* of the worker: 6 may be in front of it, so the page waits */
    assert_stories("", "");
    answer(4, 5, 5, true); /* of the node */
    assert_stories("4 5 6 ", "gap-t 3 4 5 6 ");
}

static void a_gap_of_the_node_makes_such_a_worker_read_on(void **state)
{
    (void)state;
    replay_start(&test.ports[1]->replay, test.ports[1]->outbox.high_water);
    fanout_resync(&test.fanout);
    answer(2, 0, 2, true);
    assert_stories("", "2 ");
    replay_start(&test.ports[1]->replay, test.ports[1]->outbox.high_water);
    answer(4, 0, 4, false);
    assert_stories("gap-t 4 ", "2 ");
    answer(0, 0, 2, true); /* the worker's; it was interrupted, and reads on */
    assert_int_equal(test.n_asked, 1);
    answer(4, 0, 4, false);
    assert_stories("gap-t 4 ", "2 gap-t 4 ");
}

static void reports_one_gap_without_a_log(void **state)
{
    (void)state;
    test.core.config.cache = false;
    fanout_resync(&test.fanout);
    live(3);
    assert_stories("gap 3 ", "gap 3 ");
    assert_int_equal(metrics_get(&test.metrics, METRIC_REPLAY_GAPS), 1);
    assert_int_equal(metrics_get(&test.metrics, METRIC_REPLAYS), 0);
}

/* The first worker has no room for a page: it hangs. */
static void begin_beside_a_slow_worker(void)
{
    atomic_fetch_add(&test.ports[0]->outbox.waiting, BROKER_LIVE_MAX_MESSAGES / 2);
    replay_start(&test.ports[1]->replay, test.ports[1]->outbox.high_water);
    fanout_resync(&test.fanout);
    assert_int_equal(test.n_asked, 1); /* the page of the second worker */
}

static void end_beside_a_slow_worker(const char *first, const char *second)
{
    assert_int_equal(test.n_asked, 1);
    answer(5, 0, 6, true); /* of the node */
    assert_stories(first, second);
    atomic_fetch_sub(&test.ports[0]->outbox.waiting, BROKER_LIVE_MAX_MESSAGES / 2);
}

static void goes_on_with_a_worker_that_has_caught_up(void **state)
{
    (void)state;
    begin_beside_a_slow_worker();
    answer(2, 0, 3, true);
    end_beside_a_slow_worker("5 ", "2 5 ");
}

static void goes_on_with_a_worker_that_waits_for_the_node(void **state)
{
    (void)state;
    begin_beside_a_slow_worker();
    answer(3, 0, 4, false);
    end_beside_a_slow_worker("5 ", "gap-t 3 5 ");
}

/* The page of a worker that waits for the node may have what was purged since. */
static void forgets_what_was_purged(void **state)
{
    (void)state;
    replay_start(&test.ports[1]->replay, test.ports[1]->outbox.high_water);
    fanout_resync(&test.fanout);
    answer(3, 4, 4, false);
    fanout_purged(&test.fanout, STR("other"), (struct msgid){ 9, 0 });
    fanout_purged(&test.fanout, STR("t"), (struct msgid){ 3, 0 });
    answer(5, 0, 5, true); /* of the node */
    assert_stories("5 ", "gap-t 4 5 ");
}

static void raises_the_marks_over_silent_topics(void **state)
{
    (void)state;
    turn();
    test.fanout.told_ms = loop_now(test.core.loop); /* the workers know it for less than a second */
    fanout_raise_high_water(&test.fanout, (struct msgid){ 9, 0 });
    turn();
    assert_int_equal(test.core.high_water.ms, 9);
    assert_int_equal(test.workers[0].batches, 1);
    live(9); /* it is known */
    assert_stories("", "");
    test.fanout.told_ms -= 1000;
    replay_start(&test.ports[1]->replay, test.ports[1]->outbox.high_water);
    fanout_raise_high_water(&test.fanout, (struct msgid){ 12, 0 });
    turn();
    assert_int_equal(test.workers[0].high_water, 12);
    assert_int_equal(test.workers[1].high_water, 1);
    assert_int_equal(test.ports[1]->outbox.high_water.ms, 9);
    answer(0, 0, 12, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_the_log_once_for_all_workers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_every_worker_of_a_gap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_a_worker_that_is_behind_to_its_own_replay, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_gap_of_the_node_makes_such_a_worker_read_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(reports_one_gap_without_a_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgets_what_was_purged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(raises_the_marks_over_silent_topics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(goes_on_with_a_worker_that_has_caught_up, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(goes_on_with_a_worker_that_waits_for_the_node, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
