/* The subscriber on a real link to a fake server, which confirms as Redis does, or as a test
 * says. */
#include "broker/redis/redis_subscriber.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/array.h"
#include "support/fake_redis.h"
#include "support/temp_dir.h"

#define WATCH_MS 20000
#define OWN      " SUBSCRIBE P:probe P:history"
#define TRIAL    "P:$metrics$/trial/*"
#define TRIED    " PSUBSCRIBE " TRIAL " PUNSUBSCRIBE " TRIAL

static struct loop *loop;
static struct mailbox *inbox;
static struct temp_dir dir;
static struct metrics_cell *cell;
static struct timer watchdog;
static struct redis_names names;
static const struct str own[] = { { "P:probe", 7 }, { "P:history", 9 } };

static struct fake_redis server;
static struct redis_link *feed_link;
static struct redis_subscriber subscriber;
static struct buf commands; /* that the server got: " SUBSCRIBE a b" */
static struct buf live;
static struct buf reply;
static const char *refused; /* the verb of the trial that Redis refuses; NULL: none */
static const char *instead; /* of the confirmations of the next command; NULL: those */
static char why[100];       /* the last loss */
static unsigned n_ups, n_ready, n_other, stop_at_live;

/* ---- the server ---- */

static const char *on_command(struct fake_redis *f, void *owner, const redisReply *command,
                              bool is_asking)
{
    const char *answer = instead;
    bool is_trial = strcmp(command->element[1]->str, TRIAL) == 0;

    (void)f;
    (void)owner;
    (void)is_asking;
    buf_addf(&commands, " %s", command->element[0]->str);
    buf_clear(&reply);
    for (size_t i = 1; i < command->elements; i++) {
        char verb[16] = "";

        for (size_t c = 0; command->element[0]->str[c] && c < sizeof(verb) - 1; c++)
            verb[c] = (char)(command->element[0]->str[c] | ' ');
        buf_addf(&commands, " %s", command->element[i]->str);
        buf_addf(&reply, "*3\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n:1\r\n", strlen(verb), verb,
                 command->element[i]->len, command->element[i]->str);
        if (i == 1) /* a message between two confirmations */
            buf_addf(&reply, "*3\r\n$7\r\nmessage\r\n$7\r\nP:probe\r\n$1\r\n1\r\n");
    }
    buf_add_char(&reply, '\0');
    if (is_trial && refused && strcmp(command->element[0]->str, refused) == 0)
        return "-NOPERM no\r\n";
    instead = NULL;
    return answer ? answer : buf_head(&reply);
}

/* ---- the feed ---- */

static void on_up(struct redis_link *l, void *owner)
{
    (void)owner;
    n_ups++;
    redis_subscriber_on_up(&subscriber, l);
}

static void on_down(struct redis_link *l, void *owner, const char *text)
{
    (void)l;
    (void)owner;
    (void)snprintf(why, sizeof(why), "%s", text);
    redis_subscriber_on_down(&subscriber);
}

static void on_push(struct redis_link *l, void *owner, const redisReply *r)
{
    (void)l;
    (void)owner;
    n_other += !redis_subscriber_take(&subscriber, r);
}

static void on_open(void *owner)
{
    (void)owner;
}

static void on_ready(void *owner)
{
    (void)owner;
    n_ready++;
    loop_stop(loop);
}

static void on_live(void *owner, struct str filter)
{
    (void)owner;
    buf_addf(&live, " %.*s", STR_ARG(filter));
    if (stop_at_live && --stop_at_live == 0)
        loop_stop(loop);
}

static const struct redis_link_events link_events = {
    .on_up = on_up,
    .on_down = on_down,
    .on_push = on_push,
};

/* ---- running ---- */

static void on_watchdog(struct timer *t)
{
    (void)t;
    fail_msg("hangs; commands:%.*s; lost: %s", STR_ARG(buf_str(&commands)), why);
}

static void run(void)
{
    loop_timer(loop, &watchdog, WATCH_MS);
    loop_run(loop);
    timer_stop(&watchdog);
}

static void start(void)
{
    char path[TEMP_DIR_PATH_MAX];

    n_ups = n_ready = n_other = stop_at_live = 0;
    why[0] = '\0';
    instead = refused = NULL;
    fake_redis_init(&server, loop, temp_dir_path(&dir, "s", path));
    server.on_command = on_command;
    redis_subscriber_init(&subscriber, &(struct redis_subscriber_config){
                                           .loop = loop,
                                           .names = &names,
                                           .own = own,
                                           .n_own = ARRAY_LEN(own),
                                           .on_open = on_open,
                                           .on_ready = on_ready,
                                           .on_live = on_live,
                                       });
    feed_link = redis_link_create(&(struct redis_link_config){
        .loop = loop,
        .inbox = inbox,
        .metrics = cell,
        .endpoint = server.endpoint,
        .timeout_ms = 5000,
        .events = &link_events,
    });
}

static void end(void)
{
    redis_link_free(feed_link);
    redis_subscriber_done(&subscriber);
    fake_redis_done(&server);
    buf_done(&commands);
    buf_done(&live);
    buf_done(&reply);
}

static void assert_got(struct buf *b, const char *want)
{
    buf_add_char(b, '\0');
    assert_string_equal(buf_head(b), want);
    buf_clear(b);
}

static void is_ready_when_all_that_was_wanted_is_confirmed(void **state)
{
    (void)state;
    start();
    assert_false(redis_subscriber_want(&subscriber, STR("a")));
    assert_false(redis_subscriber_want(&subscriber, STR("b/#")));
    run();
    assert_int_equal(n_ready, 1);
    assert_got(&commands, OWN TRIED " PSUBSCRIBE P:b/* SUBSCRIBE P:a P:b");
    assert_true(n_other >= 3); /* the messages between the confirmations */
    assert_true(redis_subscriber_want(&subscriber, STR("b/x")));
    end();
}

static void sends_the_filters_of_a_turn_in_one_command(void **state)
{
    (void)state;
    start();
    run();
    buf_clear(&commands);
    assert_false(redis_subscriber_want(&subscriber, STR("a")));
    assert_false(redis_subscriber_want(&subscriber, STR("b")));
    assert_false(redis_subscriber_want(&subscriber, STR("c")));
    stop_at_live = 3;
    run();
    assert_got(&commands, " SUBSCRIBE P:a P:b P:c");
    assert_got(&live, " a b c");
    assert_int_equal(n_ready, 1);
    end();
}

/* The server answers what it must not, and the subscriber begins anew on another connection. */
static void drops_a_connection_that_it_cannot_trust(void **state)
{
    static const struct {
        const char *instead, *why;
    } rows[] = {
        { "-ERR no\r\n", "ERR no" },
        { "*3\r\n$9\r\nsubscribe\r\n$3\r\nP:b\r\n:1\r\n",
          "unexpected confirmation of a subscription" },
        { "*3\r\n$11\r\nunsubscribe\r\n$7\r\nP:probe\r\n:1\r\n",
          "unexpected confirmation of a subscription" },
        { "+OK\r\n", "unexpected reply to a subscription" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start();
        run();
        instead = rows[i].instead;
        assert_false(redis_subscriber_want(&subscriber, STR("a")));
        buf_clear(&commands);
        run(); /* until it is ready again */
        assert_int_equal(n_ups, 2);
        assert_int_equal(n_ready, 2);
        assert_string_equal(why, rows[i].why);
        assert_got(&live, ""); /* the feed answers what waited at the loss */
        assert_true(redis_subscriber_want(&subscriber, STR("a")));
        assert_got(&commands, " SUBSCRIBE P:a" OWN TRIED " SUBSCRIBE P:a");
        end();
    }
}

static void does_without_the_rights_that_its_user_lacks(void **state)
{
    static const struct {
        const char *refused, *filter, *commands;
    } rows[] = {
        { "PSUBSCRIBE", "a/#", OWN TRIED " PSUBSCRIBE P:*" },
        { "PSUBSCRIBE", "b", OWN TRIED " SUBSCRIBE P:b" },
        { "PUNSUBSCRIBE", "b", OWN TRIED " PSUBSCRIBE P:*" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start();
        refused = rows[i].refused;
        assert_false(redis_subscriber_want(&subscriber, str_of(rows[i].filter)));
        run();
        assert_int_equal(n_ups, 1);
        assert_true(redis_subscriber_want(&subscriber, str_of(rows[i].filter)));
        assert_got(&commands, rows[i].commands);
        end();
    }
}

static void drops_a_connection_on_a_confirmation_of_nothing(void **state)
{
    (void)state;
    start();
    run();
    fake_redis_say(&server, "*3\r\n$11\r\nunsubscribe\r\n$7\r\nP:probe\r\n:1\r\n");
    run();
    assert_int_equal(n_ready, 2);
    assert_string_equal(why, "unexpected confirmation of a subscription");
    end();
}

static int set_up(void **state)
{
    static struct metrics_cell one;

    (void)state;
    cell = &one;
    temp_dir_init(&dir);
    timer_init(&watchdog, on_watchdog);
    redis_names_init(&names, STR("P"));
    return loop_create(&loop) == EH_OK && mailbox_create(loop, NULL, &inbox) == EH_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    redis_names_done(&names);
    mailbox_drain(inbox);
    mailbox_free(inbox);
    loop_free(loop);
    temp_dir_done(&dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_ready_when_all_that_was_wanted_is_confirmed),
        cmocka_unit_test(sends_the_filters_of_a_turn_in_one_command),
        cmocka_unit_test(drops_a_connection_that_it_cannot_trust),
        cmocka_unit_test(does_without_the_rights_that_its_user_lacks),
        cmocka_unit_test(drops_a_connection_on_a_confirmation_of_nothing),
    };

    return cmocka_run_group_tests_name("redis_subscriber", tests, set_up, tear_down);
}
