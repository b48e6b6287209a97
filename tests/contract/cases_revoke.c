/* Tokens that are revoked: each node learns of them, now or later. */
#include "contract/fixture.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "support/redis_server.h"

#define HOUR_MS 3600000

static struct revocation entry_of(enum revoked_kind kind, const char *name, uint64_t before_ms)
{
    return (struct revocation){ kind, str_of(name), before_ms, clock_wall_ms() + HOUR_MS };
}

static enum broker_status revoke(struct node *n, struct revocation entry)
{
    struct asked *a = node_revoke_call(n, &entry);

    node_ask(n, a);
    assert_int_equal(a->call.revoke.ret_full, a->call.status == BROKER_FULL);
    return a->call.status;
}

static bool has_id(struct node *n, const char *jti)
{
    return revoked_has(node_revoked(n), str_of(jti), STR(""), 0, clock_wall_ms());
}

static bool has_sub(struct node *n, const char *sub, uint64_t issued_ms)
{
    return revoked_has(node_revoked(n), STR(""), str_of(sub), issued_ms, clock_wall_ms());
}

static void await_id(struct node *n, const char *jti)
{
    uint64_t deadline = clock_mono_ms() + NODE_PATIENCE_MS;

    while (!has_id(n, jti)) {
        assert_true(clock_mono_ms() < deadline);
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
}

static void revokes_tokens(void **state)
{
    struct node *n = fixture_node(*state);

    assert_int_equal(revoke(n, entry_of(REVOKED_ID, "t1", 0)), BROKER_DONE);
    assert_int_equal(revoke(n, entry_of(REVOKED_SUB, "ann", 1000)), BROKER_DONE);
    assert_true(has_id(n, "t1"));
    assert_false(has_id(n, "t2"));
    assert_true(has_sub(n, "ann", 999));
    assert_false(has_sub(n, "ann", 1000));
    assert_int_equal(revoke(n, entry_of(REVOKED_SUB, "ann", 2000)), BROKER_DONE);
    assert_int_equal(revoke(n, entry_of(REVOKED_SUB, "ann", 500)), BROKER_DONE);
    assert_true(has_sub(n, "ann", 1999));
    assert_false(has_sub(n, "ann", 2000));
    assert_int_equal(revoked_count(node_revoked(n)), 2);
}

static void refuses_one_token_too_many(void **state)
{
    struct fixture *f = *state;
    struct node *n = fixture_node(f);
    char name[32];

    if (f->redis) {
        char fill[256];

        (void)snprintf(fill, sizeof(fill),
                       "EVAL for\ti=1,%d\tdo\tredis.call('ZADD',KEYS[1],'9e15',i)\tend 1 "
                       "{%s}:revoked:ends",
                       REVOKED_MAX, f->prefix);
        redis_server_command(f->redis, fill);
    }
    for (unsigned i = 0; !f->redis && i < REVOKED_MAX; i++) {
        struct revocation entry = entry_of(REVOKED_ID, name, 0);

        entry.name.n = (size_t)snprintf(name, sizeof(name), "t%u", i);
        assert_int_equal(revoked_add(node_revoked(n), &entry, 0), EH_OK);
    }
    assert_int_equal(revoke(n, entry_of(REVOKED_ID, "more", 0)), BROKER_FULL);
    assert_false(has_id(n, "more"));
}

static void tells_nodes_that_did_not_ask(void **state)
{
    struct fixture *f = *state;
    struct node *one = fixture_node(f), *other = fixture_node(f);

    assert_int_equal(revoke(one, entry_of(REVOKED_ID, "t1", 0)), BROKER_DONE);
    await_id(other, "t1"); /* by its next reading */
    assert_int_equal(revoke(one, entry_of(REVOKED_SUB, "ann", 1000)), BROKER_DONE);
    assert_int_equal(revoke(one, entry_of(REVOKED_ID, "t2", 0)), BROKER_DONE);
    await_id(other, "t2");
    assert_true(has_sub(other, "ann", 999));
    assert_false(has_sub(other, "ann", 1000));
}

/* More than one page of them. */
static void tells_a_node_that_starts(void **state)
{
    struct fixture *f = *state;
    struct node *one = fixture_node(f), *other;
    char name[16];

    for (unsigned i = 0; i < 1100; i++) {
        (void)snprintf(name, sizeof(name), "t%u", i);
        assert_int_equal(revoke(one, entry_of(REVOKED_ID, name, 0)), BROKER_DONE);
    }
    other = fixture_node(f);
    await_id(other, "t1099");
    assert_int_equal(revoked_count(node_revoked(other)), 1100);
    assert_true(has_id(other, "t0"));
}

/* Redis keeps an entry that has ended until the next revocation. */
static void ignores_what_has_ended(void **state)
{
    struct fixture *f = *state;
    struct node *one = fixture_node(f), *other;
    struct revocation ended = entry_of(REVOKED_ID, "ended", 0);

    ended.until_ms = clock_wall_ms();
    assert_int_equal(revoke(one, entry_of(REVOKED_ID, "t1", 0)), BROKER_DONE);
    assert_int_equal(revoke(one, ended), BROKER_DONE);
    other = fixture_node(f);
    await_id(other, "t1");
    assert_int_equal(revoked_count(node_revoked(other)), 1);
}

static void gives_back_what_redis_has_lost(void **state)
{
    struct fixture *f = *state;
    struct node *one = fixture_node(f), *other;
    char name[16];

    for (unsigned i = 0; i < 100; i++) { /* more than one command */
        (void)snprintf(name, sizeof(name), "t%u", i);
        assert_int_equal(revoke(one, entry_of(REVOKED_ID, name, 0)), BROKER_DONE);
    }
    assert_int_equal(revoke(one, entry_of(REVOKED_SUB, "ann", 1000)), BROKER_DONE);
    redis_server_kill(f->redis);
    node_await_ready(one, false);
    redis_server_restart(f->redis); /* empty */
    node_await_ready(one, true);
    other = fixture_node(f);
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "t%u", i);
        await_id(other, name);
    }
    assert_int_equal(revoke(one, entry_of(REVOKED_ID, "last", 0)), BROKER_DONE);
    await_id(other, "last");
    assert_true(has_sub(other, "ann", 999));
}

static void skips_junk_in_redis(void **state)
{
    struct fixture *f = *state;
    struct node *n = fixture_node(f);
    char junk[128];

    assert_int_equal(revoke(n, entry_of(REVOKED_ID, "t1", 0)), BROKER_DONE);
    (void)snprintf(junk, sizeof(junk), "ZADD {%s}:revoked 1 junk", f->prefix);
    redis_server_command(f->redis, junk);
    (void)snprintf(junk, sizeof(junk), "ZADD {%s}:revoked:ends 9e15 junk", f->prefix);
    redis_server_command(f->redis, junk);
    assert_int_equal(revoke(n, entry_of(REVOKED_ID, "t2", 0)), BROKER_DONE);
    await_id(fixture_node(f), "t2");
    assert_true(has_id(n, "t1"));
}

int revoke_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(revokes_tokens, f),
        FIXTURE_TEST(refuses_one_token_too_many, f),
    };
    const struct CMUnitTest redis_tests[] = {
        FIXTURE_TEST(tells_nodes_that_did_not_ask, f),
        FIXTURE_TEST(tells_a_node_that_starts, f),
        FIXTURE_TEST(ignores_what_has_ended, f),
        FIXTURE_TEST(gives_back_what_redis_has_lost, f),
        FIXTURE_TEST(skips_junk_in_redis, f),
    };
    int failed = cmocka_run_group_tests_name("revoke", tests, NULL, NULL);

    return f->redis
               ? failed + cmocka_run_group_tests_name("revoke in Redis", redis_tests, NULL, NULL)
               : failed;
}
