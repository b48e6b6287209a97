/* The scripts against a real Redis that loses its data, goes back to an older copy, and begins new
 * histories, in any order and at any speed. Only the parts that decide about ids take part: a node
 * here is a struct redis_partition with what it has heard, and each command is sent by itself. Needs
 * a redis-server (exit status 77 if it is not installed).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/array.h"
#include "base/log.h"
#include "broker/fanout.h"
#include "broker/redis/redis_partition.h"
#include "broker/redis/redis_publish.h"
#include "broker/redis/redis_questions.h"
#include "support/redis_server.h"

#define EXIT_SKIPPED 77
#define NODES        4

struct ids {
    size_t n;
    struct msgid ids[512];
};

struct member {
    struct core core;
    struct metrics_cell metrics;
    struct redis_partition partition;
    bool is_joined;
    struct ids known;   /* of messages, from the feed or from answers */
    struct msgid heard; /* the last message from the feed */
};

/* A copy of what Redis knows of ids. */
struct copy {
    char id[MSGID_TEXT];
    char floor[MSGID_TEXT];
    char lineage[8192];
};

struct world {
    struct redis_server *server;
    redisContext *redis;
    char shas[SCRIPT_COUNT][41];
    struct redis_names names;
    struct broker_config config;
    struct member members[NODES];
    struct fanout fanouts[NODES]; /* without ports */
    struct loop *loop;            /* never runs */
    unsigned seed;
    struct msgid highest; /* of all ids issued so far */
    struct ids log;       /* the messages that Redis has */
};

static struct world w;

static void ids_add(struct ids *list, struct msgid id)
{
    assert_true(list->n < ARRAY_LEN(list->ids));
    list->ids[list->n++] = id;
}

static struct msgid log_end(void)
{
    return w.log.n ? w.log.ids[w.log.n - 1] : (struct msgid){ 0 };
}

static unsigned below(unsigned n)
{
    return (unsigned)rand_r(&w.seed) % n;
}

/* ---- Redis ---- */

static redisReply *command(const char *format, ...)
{
    va_list args;
    redisReply *r;

    va_start(args, format);
    r = redisvCommand(w.redis, format, args);
    va_end(args);
    assert_non_null(r);
    if (r->type == REDIS_REPLY_ERROR)
        fail_msg("%s: %s", format, r->str);
    return r;
}

static void run(const char *format)
{
    freeReplyObject(command(format));
}

/* Sends a script and gives its answer to the caller. */
static redisReply *call(struct redis_command *c)
{
    redisReply *r;

    c->args[1] = w.shas[c->script];
    c->lengths[1] = strlen(w.shas[c->script]);
    r = redisCommandArgv(w.redis, (int)c->n, c->args, c->lengths);
    assert_non_null(r);
    return r;
}

static void keep(char *to, size_t size, const char *format)
{
    redisReply *r = command(format);

    (void)snprintf(to, size, "%s", r->type == REDIS_REPLY_STRING ? r->str : "");
    freeReplyObject(r);
}

static struct copy copy_make(void)
{
    struct copy c;

    keep(c.id, sizeof(c.id), "GET {lineage}:id");
    keep(c.floor, sizeof(c.floor), "GET {lineage}:floor");
    keep(c.lineage, sizeof(c.lineage), "HGET {lineage}:floors =");
    return c;
}

/* Begins a new history under open connections, as Redis does when its first replica comes. */
static void change_replid(void)
{
    run("REPLICAOF 127.0.0.1 1");
    run("REPLICAOF NO ONE");
}

/* Begins a new history, as a promotion or a restart does. */
static void promote(void)
{
    change_replid();
    for (size_t i = 0; i < NODES; i++)
        w.members[i].is_joined = false;
}

static void restore(const struct copy *c)
{
    freeReplyObject(command("SET {lineage}:id %s", c->id));
    freeReplyObject(command("SET {lineage}:floor %s", c->floor));
    freeReplyObject(command("HSET {lineage}:floors = %s", c->lineage));
    promote();
}

static struct msgid floor_of(const struct copy *c)
{
    struct msgid id = { 0 };

    assert_int_equal(msgid_parse(str_of(c->floor), &id), EH_OK);
    return id;
}

/* ---- nodes ---- */

static void assert_above_all(struct msgid id)
{
    if (msgid_cmp(id, w.highest) <= 0)
        fail_msg("seed %u: %llu-%llu after %llu-%llu", w.seed, (unsigned long long)id.ms,
                 (unsigned long long)id.seq, (unsigned long long)w.highest.ms,
                 (unsigned long long)w.highest.seq);
    w.highest = id;
}

static struct redis_fenced join(struct member *m)
{
    struct redis_command c;
    struct redis_fenced answer;
    redisReply *r;

    redis_partition_fence(&m->partition, &c);
    r = call(&c);
    if (r->type == REDIS_REPLY_ERROR)
        fail_msg("%s", r->str);
    assert_int_equal(redis_reply_fence(r, &answer), EH_OK);
    freeReplyObject(r);
    if (msgid_cmp(answer.ids.last, w.highest) > 0)
        w.highest = answer.ids.last;
    redis_partition_on_fenced(&m->partition, &answer);
    m->core.high_water = answer.ids.last;
    m->is_joined = true;
    m->heard = log_end(); /* the replay has brought it */
    if (w.log.n)
        ids_add(&m->known, log_end());
    return answer;
}

static struct msgid publish(struct member *m)
{
    struct broker_publish p = { .topic = STR("a"),
                                .message_json = STR("1"),
                                .origin_json = STR("") };
    const struct broker_publish *one = &p;
    struct redis_command c;

    if (!m->is_joined)
        (void)join(m);
    for (;;) {
        redisReply *r;

        redis_publish_make(&c, &w.names, &w.config, &one, 1, core_newest(&m->core),
                           str_of(m->partition.replid));
        r = call(&c);
        if (!redis_reply_has_code(r, "FENCE")) {
            assert_int_equal(redis_reply_publish(redis_reply_of_message(r, 1, 0), &p), EH_OK);
            freeReplyObject(r);
            break;
        }
        freeReplyObject(r);
        (void)join(m);
    }
    assert_above_all(p.ret_id);
    ids_add(&w.log, p.ret_id);
    ids_add(&m->known, p.ret_id);
    core_note(&m->core, p.ret_id);
    redis_partition_on_published(&m->partition, p.ret_id);
    return p.ret_id;
}

/* Purges another topic, which has a log. That issues no id, and changes no history. */
static void purge(struct member *m)
{
    struct broker_purge p = { .topic = STR("b") };
    struct redis_command c;
    struct copy before, after;

    if (!m->is_joined)
        (void)join(m);
    run("XADD {lineage}:log:b * message 1");
    for (;;) {
        redisReply *r;

        before = copy_make();
        redis_command_purge(&c, &w.names, p.topic, core_newest(&m->core),
                            str_of(m->partition.replid));
        r = call(&c);
        if (!redis_reply_has_code(r, "FENCE")) {
            assert_int_equal(redis_reply_count(r, &p.ret_removed), EH_OK);
            freeReplyObject(r);
            break;
        }
        freeReplyObject(r);
        (void)join(m);
    }
    after = copy_make();
    assert_int_equal(p.ret_removed, 1);
    assert_string_equal(after.id, before.id);
    assert_string_equal(after.floor, before.floor);
    assert_string_equal(after.lineage, before.lineage);
}

/* Delivers a message to some members, as their feeds do. A member that misses a message receives no
 * later one until it has joined again. */
static void spread(struct msgid id)
{
    for (size_t i = 0; i < NODES; i++) {
        struct member *m = &w.members[i];
        struct msgid before = w.log.n > 1 ? w.log.ids[w.log.n - 2] : (struct msgid){ 0 };

        if (!m->is_joined || below(3) == 0 || msgid_cmp(m->core.high_water, before) < 0)
            continue;
        m->core.high_water = m->heard = id;
        ids_add(&m->known, id);
    }
}

static void begin(void)
{
    run("FLUSHALL");
    w.highest = (struct msgid){ 0 };
    w.log.n = 0;
    for (size_t i = 0; i < NODES; i++) {
        struct member *m = &w.members[i];

        *m = (struct member){ .is_joined = false };
        m->core.config.metrics = &m->metrics;
        m->core.loop = w.loop;
        m->core.fanout = &w.fanouts[i];
        m->partition = (struct redis_partition){ .core = &m->core, .names = &w.names };
        (void)join(m);
    }
}

static void connect_world(void)
{
    w.redis = redisConnect("127.0.0.1", redis_server_port(w.server));
    w.config = (struct broker_config){ .default_ttl_s = 3600 };
    redis_names_init(&w.names, STR("lineage"));
    assert_int_equal(loop_create(&w.loop), EH_OK);
    for (size_t i = 0; i < NODES; i++)
        fanout_init(&w.fanouts[i], &w.members[i].core);
    for (unsigned i = 0; i < SCRIPT_COUNT; i++) {
        struct str text = script_text(i);
        redisReply *r = command("SCRIPT LOAD %b", text.p, text.n);

        (void)snprintf(w.shas[i], sizeof(w.shas[i]), "%s", r->str);
        freeReplyObject(r);
    }
}

/* The probes of all members, until none joins again. */
static void probe_all(void)
{
    for (size_t i = 0; i < 2 * NODES; i++) {
        struct member *m = &w.members[i % NODES];
        struct redis_command c;
        struct redis_probed answer;
        redisReply *r;

        redis_command_probe(&c, &w.names, STR("lineage:probe"), STR("1"));
        r = call(&c);
        assert_int_equal(redis_reply_probe(r, &answer), EH_OK);
        freeReplyObject(r);
        if (redis_partition_on_probed(&m->partition, &answer, core_newest(&m->core)))
            (void)join(m);
    }
}

/* ---- ids ---- */

static void forget_all(void)
{
    run("FLUSHALL");
    w.log.n = 0;
}

/* Whichever node asks, and however fast Redis forgets: every id is above all ids before it. */
static void every_id_is_above_all_before(void **state)
{
    enum { RUNS = 30, STEPS = 200 };
    struct copy copies[3];

    (void)state;
    for (unsigned seed = 1; seed <= RUNS; seed++) {
        w.seed = seed;
        begin();
        for (size_t i = 0; i < ARRAY_LEN(copies); i++)
            copies[i] = copy_make();
        for (unsigned step = 0; step < STEPS; step++) {
            struct copy *copy = &copies[below(ARRAY_LEN(copies))];
            unsigned what = below(20);

            if (what == 0)
                forget_all();
            else if (what == 1)
                restore(copy);
            else if (what == 2)
                promote();
            else if (what == 4)
                purge(&w.members[below(NODES)]);
            else
                spread(publish(&w.members[below(NODES)]));
            if (what == 3)
                *copy = copy_make();
        }
    }
}

/* ---- losses are reported ---- */

static bool is_in_log(struct msgid id)
{
    for (size_t i = 0; i < w.log.n; i++) {
        if (msgid_cmp(w.log.ids[i], id) == 0)
            return true;
    }
    return false;
}

/* Returns the highest id of a message that some member knows and the log does not have. From now on
 * the members know only what the log has. */
static struct msgid forget_lost(void)
{
    struct msgid lost = { 0 };

    for (size_t i = 0; i < NODES; i++) {
        struct ids *known = &w.members[i].known;

        for (size_t k = 0; k < known->n; k++) {
            if (!is_in_log(known->ids[k]))
                lost = msgid_later(lost, known->ids[k]);
        }
        known->n = 0;
    }
    return lost;
}

static bool is_complete_after(struct msgid point)
{
    struct broker_history h = { .filter = STR("a"), .after = point };
    const struct broker_history *question = &h;
    struct broker_config config = w.config;
    struct redis_command c;
    struct str gone[1];
    size_t n_gone;
    redisReply *r;

    config.cache = true; /* as if there was a log */
    redis_questions_command(&c, &w.names, &config, &question, 1);
    r = call(&c);
    assert_non_null(redis_reply_answer(r, 1, 0));
    assert_int_equal(
        redis_reply_history(redis_reply_answer(r, 1, 0), &h, gone, ARRAY_LEN(gone), &n_gone),
        EH_OK);
    freeReplyObject(r);
    free(h.ret_items);
    free(h.ret_gaps);
    return h.ret_complete;
}

/* Publishes for a while, and makes a copy of Redis somewhere on the way. *ret_n: messages in it. */
static struct copy publish_and_copy(size_t *ret_n)
{
    unsigned n = below(6), at = below(3) ? below(n + 1) : n;
    struct copy copy = { .id = "" };

    for (unsigned i = 0; i <= n; i++) {
        if (i == at) {
            copy = copy_make();
            *ret_n = w.log.n;
        }
        if (i < n)
            spread(publish(&w.members[below(NODES)]));
    }
    return copy;
}

/* All members join, in any order, and some publish before others have joined. Returns whether one
 * that had heard everything was told that it missed something. */
static bool join_all(void)
{
    bool is_misled = false;
    unsigned first = below(NODES);

    for (unsigned i = 0; i < NODES; i++) {
        struct member *m = &w.members[(first + i) % NODES];
        bool has_all = msgid_cmp(m->heard, log_end()) == 0;

        if (!m->is_joined && join(m).has_missed && has_all)
            is_misled = true;
        if (below(2))
            spread(publish(m));
        if (below(4) == 0)
            purge(m);
    }
    return is_misled;
}

/* Asserts that each member has counted so many losses. */
static void assert_rewinds(unsigned n)
{
    for (size_t i = 0; i < NODES; i++)
        assert_int_equal(metrics_get(&w.members[i].metrics, METRIC_REWINDS), n);
}

/* Once a member has found the new history, no other one publishes in it before it has joined that. So
 * what it learns is not taken for the lost end of the history before. */
static void a_history_that_begins_under_open_connections_is_joined_first(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < NODES; i++)
        (void)publish(&w.members[i]);
    change_replid();
    (void)publish(&w.members[1]); /* no member knows yet */
    (void)join(&w.members[0]);
    for (unsigned i = 0; i < NODES; i++)
        (void)publish(&w.members[i]);
    probe_all();
    assert_rewinds(0);
}

/* An older copy takes over, or one that has everything. Some members may know lost messages, and any
 * of them may be the first to join and to publish. */
static void a_loss_is_told_and_nothing_else(void **state)
{
    enum { RUNS = 60, ROUNDS = 8 };
    unsigned told = 0, quiet = 0;

    (void)state;
    for (unsigned seed = 1; seed <= RUNS; seed++) {
        unsigned rewinds = 0;

        w.seed = seed;
        begin();
        for (unsigned round = 0; round < ROUNDS; round++) {
            size_t n = 0;
            struct copy copy = publish_and_copy(&n), after;
            struct msgid lost, point;
            bool is_misled;

            w.log.n = n;
            point = log_end();
            restore(&copy);
            lost = forget_lost();
            is_misled = join_all();
            probe_all();
            after = copy_make();
            if (msgid_is_zero(lost)) {
                quiet++;
                assert_string_equal(after.floor, copy.floor);
                assert_false(is_misled);
                if (msgid_cmp(point, floor_of(&copy)) >= 0)
                    assert_true(is_complete_after(point));
            } else {
                told++;
                rewinds++;
                assert_true(msgid_cmp(floor_of(&after), lost) > 0);
                assert_false(is_complete_after(lost));
                assert_true(msgid_is_zero(point) || !is_complete_after(point));
            }
            assert_rewinds(rewinds);
        }
    }
    assert_true(told > 50 && quiet > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_id_is_above_all_before),
        cmocka_unit_test(a_history_that_begins_under_open_connections_is_joined_first),
        cmocka_unit_test(a_loss_is_told_and_nothing_else),
    };
    int failed;

    w.server = redis_server_start();
    if (!w.server) {
        fprintf(stderr, "test_lineage: no redis-server on the PATH\n");
        return EXIT_SKIPPED;
    }
    log_set_level(LOG_ERROR); /* every history is logged */
    connect_world();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    redisFree(w.redis);
    loop_free(w.loop);
    redis_names_done(&w.names);
    redis_server_stop(w.server);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
