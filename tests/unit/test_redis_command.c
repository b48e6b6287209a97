#include "broker/redis/redis_command.h"
#include "broker/redis/redis_questions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "broker/gaps.h"
#include "broker/redis_login.h"

static const struct broker_config config = {
    .cache = true,
    .max_cache_length = 1000,
    .default_ttl_s = 86400,
};

static void assert_arg(const struct redis_command *c, size_t i, const char *want)
{
    assert_true(str_eq(str_make(c->args[i], c->lengths[i]), str_of(want)));
}

static void assert_args(const struct redis_command *c, const char *const *want, size_t n)
{
    assert_int_equal(c->n, n);
    for (size_t i = 0; i < n; i++)
        assert_arg(c, i, want[i]);
}

static void writes_commands_in_resp(void **state)
{
    const struct {
        struct str args[3];
        size_t n;
        struct str want;
    } rows[] = {
        { { STR("PING") }, 1, STR("*1\r\n$4\r\nPING\r\n") },
        { { STR("GET"), STR("") }, 2, STR("*2\r\n$3\r\nGET\r\n$0\r\n\r\n") },
        { { STR("SET"), STR("a\0\r\n"), STR("0123456789") },
          3,
          STR("*3\r\n$3\r\nSET\r\n$4\r\na\0\r\n\r\n$10\r\n0123456789\r\n") },
    };
    struct redis_command c;
    char got[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        redis_command_init(&c);
        for (size_t k = 0; k < rows[i].n; k++)
            redis_command_add(&c, rows[i].args[k]);
        assert_int_equal(redis_command_size(&c), rows[i].want.n);
        redis_command_write(&c, got);
        assert_memory_equal(got, rows[i].want.p, rows[i].want.n);
    }
}

static void greets_with_login_and_database(void **state)
{
    static const char *const user[] = { "AUTH", "me", "pass word" };
    static const char *const old[] = { "AUTH", "pass word" };
    static const char *const nopass[] = { "AUTH", "me", "" };
    static const char *const db[] = { "SELECT", "3" };
    struct redis_command c;

    (void)state;
    redis_command_auth(&c, STR("me"), STR("pass word"));
    assert_args(&c, user, ARRAY_LEN(user));
    redis_command_auth(&c, STR(""), STR("pass word"));
    assert_args(&c, old, ARRAY_LEN(old));
    redis_command_auth(&c, STR("me"), STR(""));
    assert_args(&c, nopass, ARRAY_LEN(nopass));
    redis_command_select(&c, 3);
    assert_args(&c, db, ARRAY_LEN(db));
    assert_false(c.is_script);
}

static void logs_in_only_if_there_is_a_login(void **state)
{
    static const char *const both[] = { "AUTH", "me", "p" };
    const struct redis_login_config none = { "", "", "", "" }, some = { "me", "p", "", "" };
    struct redis_login *login = redis_login_create(&some);
    struct redis_login *empty = redis_login_create(&none);
    struct redis_command c;

    (void)state;
    assert_false(redis_command_login(&c, NULL));
    assert_false(redis_command_login(&c, empty));
    assert_true(redis_command_login(&c, login));
    assert_args(&c, both, ARRAY_LEN(both));
    redis_login_free(login);
    redis_login_free(empty);
}

static void key_value_calls_use_plain_strings(void **state)
{
    static const char *const get[] = { "GET", "{hub}:kv:a/b" };
    static const char *const set[] = { "SET", "{hub}:kv:a/b", "v" };
    static const char *const set_for_a_time[] = { "SET", "{hub}:kv:a/b", "v", "EX", "31536000" };
    static const char *const del[] = { "DEL", "{hub}:kv:a/b" };
    struct broker_kv kv = { .key = STR("a/b"), .value = STR("v") };
    struct redis_names names;
    struct redis_command c;

    (void)state;
    redis_names_init(&names, STR("hub"));
    redis_command_get(&c, &names, &kv);
    assert_false(c.is_script);
    assert_args(&c, get, ARRAY_LEN(get));
    redis_command_set(&c, &names, &kv);
    assert_args(&c, set, ARRAY_LEN(set));
    redis_command_delete(&c, &names, &kv);
    assert_args(&c, del, ARRAY_LEN(del));
    kv.ttl_s = 31536000;
    redis_command_set(&c, &names, &kv);
    assert_args(&c, set_for_a_time, ARRAY_LEN(set_for_a_time));
    redis_names_done(&names);
}

static void history_starts_at_the_next_id(void **state)
{
    static const struct {
        struct msgid after;
        const char *from;
    } cases[] = {
        { { 0, 0 }, "0-1" },
        { { 5, 7 }, "5-8" },
        { { 5, UINT64_MAX }, "6-0" },
        { { UINT64_MAX, UINT64_MAX }, "18446744073709551615-18446744073709551615" },
    };
    struct redis_names names;
    struct redis_command c;

    (void)state;
    redis_names_init(&names, STR("hub"));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct broker_history h = { .filter = STR("a"), .after = cases[i].after };

        const struct broker_history *question = &h;
        char text[128];

        redis_questions_command(&c, &names, &config, &question, 1);
        snprintf(text, sizeof(text), "%.*s", (int)c.lengths[c.n - 1], c.args[c.n - 1]);
        assert_memory_equal(text, "p 1 ", 4);
        assert_string_equal(strtok(strchr(text + 4, ' ') + 1, " "), cases[i].from);
    }
    redis_names_done(&names);
}

#define HISTORY_KEYS                                                                               \
    "{hub}:id", "{hub}:floor", "{hub}:topics", "{hub}:recent", "{hub}:floors", "{hub}:ends"
#define HISTORY_NUMBERS "{hub}:log:", "86400", "1", "256", "262144"

static void history_declares_the_logs_of_topics_and_fills_in_the_defaults(void **state)
{
    static const char *const want[] = {
        "EVALSHA",
        "",
        "8",
        HISTORY_KEYS,
        "{hub}:log:a b",
        "{hub}:log:c",
        HISTORY_NUMBERS,
        "p 1 1-2 1-3 - -9 0 256 262144",
        "p 1 3-0 3-1 9-9 0 7 5 6",
    };
    const struct broker_history one = { .filter = STR("a b"), .after = { 1, 2 }, .since = -9 };
    const struct broker_history two = { .filter = STR("c"),
                                        .after = { 3, 0 },
                                        .snapshot_end = { 9, 9 },
                                        .newest = 7,
                                        .max_entries = 5,
                                        .max_bytes = 6 };
    const struct broker_history *questions[] = { &one, &two };
    struct redis_names names;
    struct redis_command c;

    (void)state;
    redis_names_init(&names, STR("hub"));
    redis_questions_command(&c, &names, &config, questions, ARRAY_LEN(questions));
    assert_args(&c, want, ARRAY_LEN(want));
    redis_names_done(&names);
}

static void history_asks_for_many_topics_and_for_names(void **state)
{
    static const char *const want[] = {
        "EVALSHA",
        "",
        "8",
        HISTORY_KEYS,
        "{hub}:log:a",
        "{hub}:log:b",
        HISTORY_NUMBERS,
        "i 2 2-0 5-0 9-0 0 7 3 4",
        "n 0 1-0 1-1 - 0 0 3 4",
        "",
        "a/+",
        "",
        "",
        "n 0 1-0 1-1 - 0 0 3 4",
        "21",
        "a/+",
        "recent",
        "17",
    };
    const struct str topics[] = { STR("a"), STR("b") };
    struct redis_reading readings[] = {
        { .kind = REDIS_READ_IDS, .topics = topics, .n_topics = 2, .point = { 2, 0 } },
        { .kind = REDIS_READ_NAMES, .point = { 1, 0 }, .from = { 1, 1 }, .n_wanted = SIZE_MAX },
        { .kind = REDIS_READ_NAMES, .point = { 1, 0 }, .from = { 1, 1 }, .n_wanted = 21 },
    };
    struct redis_names names;
    struct redis_command c;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(readings); i++) {
        readings[i].filter = STR("a/+");
        readings[i].max_entries = 3;
        readings[i].max_bytes = 4;
    }
    readings[0].from = (struct msgid){ 5, 0 };
    readings[0].end = (struct msgid){ 9, 0 };
    readings[0].newest = 7;
    readings[2].index = STR("recent");
    readings[2].at = STR("17");
    redis_names_init(&names, STR("hub"));
    redis_readings_command(&c, &names, &config, readings, ARRAY_LEN(readings));
    assert_args(&c, want, ARRAY_LEN(want));
    redis_names_done(&names);
}

static void probe_names_its_keys_and_its_channel(void **state)
{
    static const char *const want[] = {
        "EVALSHA",
        "",
        "6",
        "{hub}:id",
        "{hub}:floor",
        "{hub}:topics",
        "{hub}:recent",
        "{hub}:floors",
        "{hub}:log:\xffindex",
        "c",
        "1",
    };
    struct redis_names names;
    struct redis_command c;

    (void)state;
    redis_names_init(&names, STR("hub"));
    redis_command_probe(&c, &names, STR("c"), STR("1"));
    assert_int_equal(c.script, SCRIPT_PROBE);
    assert_args(&c, want, ARRAY_LEN(want));
    redis_names_done(&names);
}

static void fence_passes_what_the_node_knows(void **state)
{
#define KEYS                                                                                       \
    "EVALSHA", "", "6", "{hub}:id", "{hub}:floor", "{hub}:topics", "{hub}:recent", "{hub}:floors", \
        "{hub}:log:\xffindex"
    static const char *const with[] = {
        KEYS, "5-1", "4-1", "5-0", "cafe", "hub:$metrics$/history"
    };
    static const char *const without[] = { KEYS, "", "", "", "", "hub:$metrics$/history" };
#undef KEYS
    const struct redis_fence fence = { { 5, 1 }, { 4, 1 }, { 5, 0 }, STR("cafe") };
    struct redis_names names;
    struct redis_command c;

    (void)state;
    redis_names_init(&names, STR("hub"));
    redis_command_fence(&c, &names, &fence);
    assert_args(&c, with, ARRAY_LEN(with));
    redis_command_fence(&c, &names, &(struct redis_fence){ .tail_replid = STR("") });
    assert_args(&c, without, ARRAY_LEN(without));
    redis_names_done(&names);
}

static void purge_names_the_log_and_what_the_node_knows(void **state)
{
    static const char *const want[] = {
        "EVALSHA",
        "",
        "3",
        "{hub}:id",
        "{hub}:floors",
        "{hub}:log:a/b",
        "5-1",
        "cafe",
        "hub:$metrics$/history",
        "a/b",
    };
    struct redis_names names;
    struct redis_command c;

    (void)state;
    redis_names_init(&names, STR("hub"));
    redis_command_purge(&c, &names, STR("a/b"), (struct msgid){ 5, 1 }, STR("cafe"));
    assert_int_equal(c.script, SCRIPT_PURGE);
    assert_args(&c, want, ARRAY_LEN(want));
    redis_names_done(&names);
}

static void forget_takes_as_many_topics_as_allowed(void **state)
{
    struct str topics[REDIS_FORGET_MAX];
    struct redis_names names;
    struct redis_command c;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        topics[i] = STR("a");
    redis_names_init(&names, STR("hub"));
    redis_command_forget(&c, &names, &config, topics, ARRAY_LEN(topics));
    assert_int_equal(c.n, 3 + 6 + 2 + ARRAY_LEN(topics));
    assert_arg(&c, c.n - 1, "a");
    redis_command_forget(&c, &names, &config, NULL, 0);
    assert_int_equal(c.n, 3 + 6 + 2);
    assert_arg(&c, c.n - 1, "86400");
    redis_names_done(&names);
}

static void revokes_as_many_tokens_as_allowed(void **state)
{
    static const char *const first[] = {
        "3", "{hub}:revoked",       "{hub}:revoked:ends", "{hub}:revoked:before", "100000", "j:",
        "0", "18446744073709551615"
    };
    static char longest[REVOKED_NAME_MAX];
    struct revocation entries[REDIS_REVOKE_MAX];
    struct redis_names names;
    struct redis_command c;

    (void)state;
    memset(longest, 'x', sizeof(longest));
    for (size_t i = 0; i < ARRAY_LEN(entries); i++)
        entries[i] = (struct revocation){ REVOKED_SUB, str_make(longest, sizeof(longest)),
                                          UINT64_MAX, UINT64_MAX };
    entries[0] = (struct revocation){ .kind = REVOKED_ID, .until_ms = UINT64_MAX };
    redis_names_init(&names, STR("hub"));
    redis_command_revoke(&c, &names, entries, ARRAY_LEN(entries));
    assert_int_equal(c.n, 3 + 3 + 1 + 3 * ARRAY_LEN(entries));
    for (size_t i = 0; i < ARRAY_LEN(first); i++)
        assert_arg(&c, 2 + i, first[i]);
    assert_int_equal(c.lengths[c.n - 3], 2 + sizeof(longest));
    assert_memory_equal(c.args[c.n - 3], "s:xxx", 5);
    assert_arg(&c, c.n - 1, "18446744073709551615");
    redis_command_revoked(&c, &names, 17);
    assert_int_equal(c.n, 3 + 3 + 1);
    assert_arg(&c, c.n - 1, "17");
    redis_names_done(&names);
}

static bool has_line(enum script script, const char *name, const char *value)
{
    struct str text = script_text(script);
    char line[64];

    snprintf(line, sizeof(line), "\nlocal %s = %s ", name, value);
    return memmem(text.p, text.n, line, strlen(line)) != NULL;
}

static void scripts_begin_with_constants_of_the_broker(void **state)
{
    static const struct {
        const char *name;
        unsigned want;
        const char *unit;
    } cases[] = {
        { "KEY_MS", BROKER_KEY_S, " * 1000" },
        { "GAPS_MAX", GAPS_MAX, "" },
        { "GONE_MAX", REDIS_FORGET_MAX, "" },
        { "HISTORIES_MAX", REDIS_HISTORIES_MAX, "" },
        { "FENCE_AHEAD_MS", REDIS_FENCE_AHEAD_MS, "" },
        { "REVOKED_PAGE", REDIS_REVOKED_PAGE, "" },
    };

    (void)state;
    for (unsigned s = 0; s < SCRIPT_COUNT; s++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            char value[32];

            snprintf(value, sizeof(value), "%u%s", cases[i].want, cases[i].unit);
            assert_true(has_line(s, cases[i].name, value));
        }
    }
}

/* The names in the indexes that are not topics, and the key that protects one of them from
 * older nodes. Redis holds them, so they must never change. */
static void scripts_keep_the_names_of_marks(void **state)
{
    static const struct {
        const char *name, *value;
    } cases[] = {
        { "MARK", "'\\255index'" }, { "START", "'#'" },   { "AHEAD", "'+'" },
        { "ENDED", "'!'" },         { "LINEAGE", "'='" },
    };
    struct redis_names names;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(has_line(SCRIPT_PROBE, cases[i].name, cases[i].value));
    redis_names_init(&names, STR("hub"));
    assert_true(str_eq(buf_str(&names.mark_log), STR("{hub}:log:\xffindex")));
    redis_names_done(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_commands_in_resp),
        cmocka_unit_test(greets_with_login_and_database),
        cmocka_unit_test(logs_in_only_if_there_is_a_login),
        cmocka_unit_test(key_value_calls_use_plain_strings),
        cmocka_unit_test(history_starts_at_the_next_id),
        cmocka_unit_test(history_declares_the_logs_of_topics_and_fills_in_the_defaults),
        cmocka_unit_test(history_asks_for_many_topics_and_for_names),
        cmocka_unit_test(probe_names_its_keys_and_its_channel),
        cmocka_unit_test(fence_passes_what_the_node_knows),
        cmocka_unit_test(purge_names_the_log_and_what_the_node_knows),
        cmocka_unit_test(forget_takes_as_many_topics_as_allowed),
        cmocka_unit_test(revokes_as_many_tokens_as_allowed),
        cmocka_unit_test(scripts_begin_with_constants_of_the_broker),
        cmocka_unit_test(scripts_keep_the_names_of_marks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
