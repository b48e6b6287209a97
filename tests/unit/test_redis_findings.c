#include "broker/redis/redis_findings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/array.h"

struct last {
    enum finding_level level;
    char text[FINDING_TEXT_MAX];
    unsigned n;
};

static void keep(void *owner, enum finding_level level, const char *text)
{
    struct last *last = owner;

    last->level = level;
    (void)snprintf(last->text, sizeof(last->text), "%s", text);
    last->n++;
}

static void assert_last(const struct last *last, enum finding_level level, const char *part)
{
    if (last->level != level || !strstr(last->text, part))
        fail_msg("%d %s, not %d %s", last->level, last->text, level, part);
}

static struct redis_info info_of(const char *text)
{
    struct redis_info info;

    redis_info_parse(&info, str_of(text));
    return info;
}

static void judges_engine_version_and_role(void **state)
{
    const struct {
        const char *info;
        bool is_usable;
        enum finding_level level;
        const char *part;
    } rows[] = {
        { "redis_version:7.0.15\r\nredis_mode:standalone\r\nrole:master\r\nconnected_slaves:1\r\n",
          true, FINDING_OK, "Redis 7.0.15 at h:6379 (standalone, master, 1 replica)" },
        { "redis_version:4.0.9\r\nrole:master\r\n", true, FINDING_WARN, "needs version 5.0" },
        { "redis_version:7.4.0\r\ndragonfly_version:df-1.2\r\n", true, FINDING_WARN, "not tested" },
        { "redis_version:7.0.15\r\nrole:slave\r\n", false, FINDING_FAIL, "a replica" },
        { "redis_version:6.3.4\r\nrole:active-replica\r\n", false, FINDING_FAIL,
          "an active replica" },
        { "redis_version:7.0.15\r\nredis_mode:sentinel\r\n", false, FINDING_FAIL, "a Sentinel" },
        { "", true, FINDING_WARN, "h:6379: the user may not run \"info\"" },
    };
    const struct redis_endpoint at = { .host = "h", .port = 6379 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct redis_info info = info_of(rows[i].info);
        struct last last = { 0 };
        struct redis_findings f = { .report = keep, .owner = &last };

        assert_int_equal(redis_findings_server(&f, &info, &at), rows[i].is_usable);
        assert_last(&last, rows[i].level, rows[i].part);
        assert_int_equal(f.n_failures, rows[i].level == FINDING_FAIL);
    }
}

static void judges_memory(void **state)
{
    const struct {
        const char *info;
        enum finding_level level;
        const char *part;
    } rows[] = {
        { "", FINDING_SKIP, "does not report it" },
        { "maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n", FINDING_OK, "not set" },
        { "maxmemory_policy:allkeys-lru\r\n", FINDING_WARN, "does not report maxmemory" },
        { "maxmemory:104857600\r\nused_memory:52428800\r\nmaxmemory_policy:volatile-ttl\r\n",
          FINDING_WARN, "when 100 MiB are used (49 % now); set noeviction" },
        { "maxmemory:104857600\r\nused_memory:52428800\r\nmaxmemory_policy:noeviction\r\n",
          FINDING_OK, "noeviction, and 49 % of 100 MiB are used" },
        { "maxmemory:104857600\r\nused_memory:99614720\r\nmaxmemory_policy:noeviction\r\n",
          FINDING_WARN, "94 %" },
        { "maxmemory:1\r\nused_memory:9223372036854775807\r\nmaxmemory_policy:noeviction\r\n",
          FINDING_WARN, "of 1 bytes" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct redis_info info = info_of(rows[i].info);
        struct last last = { 0 };
        struct redis_findings f = { .report = keep, .owner = &last };

        redis_findings_memory(&f, &info);
        assert_last(&last, rows[i].level, rows[i].part);
    }
}

static redisReply string(const char *text)
{
    return (redisReply){ .type = REDIS_REPLY_STRING, .str = (char *)text, .len = strlen(text) };
}

static void judges_the_clock(void **state)
{
    const struct {
        const char *s, *us;
        enum finding_level level;
        const char *part;
    } rows[] = {
        { "100", "20000", FINDING_OK, "by 10 ms" },
        { "99", "700000", FINDING_OK, "by 310 ms" },
        { "102", "0", FINDING_WARN, "1990 ms ahead of" },
        { "98", "0", FINDING_WARN, "2010 ms behind" },
        { "99999999999999999999", "0", FINDING_OK, "nothing" },
        { "x", "0", FINDING_OK, "nothing" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        redisReply parts[] = { string(rows[i].s), string(rows[i].us) };
        redisReply *elements[] = { &parts[0], &parts[1] };
        const redisReply reply = { .type = REDIS_REPLY_ARRAY, .elements = 2, .element = elements };
        struct last last = { .text = "nothing" };
        struct redis_findings f = { .report = keep, .owner = &last };

        redis_findings_clock(&f, &reply, 100000, 100020);
        assert_last(&last, rows[i].level, rows[i].part);
    }
}

static void judges_settings(void **state)
{
    const struct {
        enum redis_setting setting;
        const char *info, *value;
        enum finding_level level;
        const char *part;
    } rows[] = {
        { REDIS_SETTING_SAVE, "aof_enabled:1\r\n", NULL, FINDING_OK, "is on" },
        { REDIS_SETTING_SAVE, "", NULL, FINDING_SKIP, "not report" },
        { REDIS_SETTING_SAVE, "aof_enabled:0\r\n", "", FINDING_WARN, "saves nothing" },
        { REDIS_SETTING_SAVE, "aof_enabled:0\r\n", "60 1", FINDING_WARN, ", save 60 1" },
        { REDIS_SETTING_SAVE, "aof_enabled:0\r\n", NULL, FINDING_WARN, "append-only file is off" },
        { REDIS_SETTING_MIN_REPLICAS, "", NULL, FINDING_SKIP, "not permitted" },
        { REDIS_SETTING_MIN_REPLICAS, "connected_slaves:1\r\n", "0", FINDING_OK, "cut off" },
        { REDIS_SETTING_MIN_REPLICAS, "connected_slaves:1\r\n", "1", FINDING_OK, "is 1" },
        { REDIS_SETTING_ACTIVE, "", "yes", FINDING_FAIL, "several servers accept writes" },
        { REDIS_SETTING_ACTIVE, "executable:/usr/bin/keydb-server\r\n", NULL, FINDING_SKIP,
          "not permitted" },
        { REDIS_SETTING_BUFFER, "", NULL, FINDING_SKIP, "not permitted" },
        { REDIS_SETTING_BUFFER, "", "normal 0 0 0 slave 9 9 9", FINDING_SKIP, "not permitted" },
        { REDIS_SETTING_BUFFER, "", "pubsub 33554432 8388608 60", FINDING_OK,
          "is 32 MiB, or 8 MiB for 60 s" },
        { REDIS_SETTING_BUFFER, "", "slave 0 0 0 pubsub 0 0 0", FINDING_OK, "no limit" },
        { REDIS_SETTING_BUFFER, "", "pubsub 1000 0 0", FINDING_WARN, "is 1000 bytes" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct redis_info info = info_of(rows[i].info);
        redisReply parts[] = { string(redis_setting_name(rows[i].setting)),
                               string(rows[i].value ? rows[i].value : "") };
        redisReply *elements[] = { &parts[0], &parts[1] };
        const redisReply reply = { .type = REDIS_REPLY_ARRAY, .elements = 2, .element = elements };
        struct last last = { 0 };
        struct redis_findings f = { .report = keep, .owner = &last };

        redis_findings_setting(&f, &info, rows[i].setting, rows[i].value ? &reply : NULL);
        assert_last(&last, rows[i].level, rows[i].part);
    }
}

static void reports_each_refusal_once(void **state)
{
    struct last last = { 0 };
    struct redis_findings f = { .report = keep, .owner = &last };

    (void)state;
    redis_findings_refusal(&f, "xadd", STR("NOPERM No permissions to access a key"), "hub");
    assert_last(&last, FINDING_FAIL, "the keys \"{hub}:*\"");
    redis_findings_refusal(&f, "xlen", STR("NOPERM No permissions to access a key"), "hub");
    assert_int_equal(last.n, 1);
    redis_findings_refusal(&f, "set", STR("OOM full\x1b[0m"), "hub");
    assert_last(&last, FINDING_FAIL, "Redis refuses \"set\": OOM full?[0m");
    redis_findings_refusal(&f, "hset", STR("OOM full"), "hub");
    assert_int_equal(last.n, 2);
    redis_findings_refusal(&f, "get", STR("NOPERM no permissions to run the 'get' command"), "hub");
    redis_findings_refusal(&f, "get", STR("NOPERM no permissions to run the 'get' command"), "hub");
    assert_int_equal(last.n, 3);
    assert_last(&last, FINDING_FAIL, "to run \"get\"");
    assert_int_equal(f.n_failures, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_engine_version_and_role),
        cmocka_unit_test(judges_memory),
        cmocka_unit_test(judges_the_clock),
        cmocka_unit_test(judges_settings),
        cmocka_unit_test(reports_each_refusal_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
