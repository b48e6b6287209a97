#include "broker/redis/redis_info.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"

#define RUN_ID "6895bc93dc14319a41498dfd74da8419752ea9b6"
#define REPLID "0123456789abcdef0123456789abcdef01234567"

static const char redis_5[] = "# Server\r\n"
                              "redis_version:5.0.14\r\n"
                              "redis_git_sha1:00000000\r\n"
                              "redis_mode:standalone\r\n"
                              "os:Linux 4.19.0-18-amd64 x86_64\r\n"
                              "run_id:" RUN_ID "\r\n"
                              "tcp_port:6379\r\n"
                              "uptime_in_seconds:4\r\n"
                              "executable:/data/redis-server\r\n"
                              "\r\n"
                              "# Memory\r\n"
                              "used_memory:854200\r\n"
                              "used_memory_human:834.18K\r\n"
                              "maxmemory:0\r\n"
                              "maxmemory_human:0B\r\n"
                              "maxmemory_policy:noeviction\r\n"
                              "\r\n"
                              "# Persistence\r\n"
                              "loading:0\r\n"
                              "aof_enabled:1\r\n"
                              "\r\n"
                              "# Replication\r\n"
                              "role:master\r\n"
                              "connected_slaves:1\r\n"
                              "slave0:ip=10.0.0.2,port=6379,state=online,offset=14,lag=1\r\n"
                              "min_slaves_good_slaves:1\r\n"
                              "master_replid:" REPLID "\r\n"
                              "master_replid2:0000000000000000000000000000000000000000\r\n"
                              "\r\n"
                              "# Cluster\r\n"
                              "cluster_enabled:0\r\n";
static const char redis_6_replica[] = "# Server\r\n"
                                      "redis_version:6.2.14\r\n"
                                      "redis_mode:standalone\r\n"
                                      "tcp_port:0\r\n"
                                      "# Memory\r\n"
                                      "maxmemory:104857600\r\n"
                                      "maxmemory_policy:volatile-lru\r\n"
                                      "# Persistence\r\n"
                                      "loading:1\r\n"
                                      "# Replication\r\n"
                                      "role:slave\r\n"
                                      "master_host:redis-1.example\r\n"
                                      "master_port:6380\r\n"
                                      "master_link_status:down\r\n"
                                      "connected_slaves:0\r\n"
                                      "master_replid:" REPLID "\r\n"
                                      "# Cluster\r\n"
                                      "cluster_enabled:0\r\n";
static const char redis_7_cluster[] = "# Server\r\n"
                                      "redis_version:7.0.15\r\n"
                                      "redis_mode:cluster\r\n"
                                      "tcp_port:7001\r\n"
                                      "# Replication\r\n"
                                      "role:master\r\n"
                                      "# Cluster\r\n"
                                      "cluster_enabled:1\r\n";
static const char redis_8[] = "# Server\r\n"
                              "redis_version:8.0.2\r\n"
                              "redis_mode:standalone\r\n"
                              "# Stats\r\n"
                              "evicted_keys:12\r\n"
                              "# Replication\r\n"
                              "role:master\r\n";
static const char valkey_8[] = "# Server\r\n"
                               "redis_version:7.2.4\r\n"
                               "server_name:valkey\r\n"
                               "valkey_version:8.1.3\r\n"
                               "valkey_release_stage:ga\r\n"
                               "server_mode:standalone\r\n"
                               "# Replication\r\n"
                               "role:master\r\n";
static const char keydb[] = "# Server\r\n"
                            "redis_version:6.3.4\r\n"
                            "redis_mode:standalone\r\n"
                            "executable:/usr/local/bin/keydb-server\r\n"
                            "# Replication\r\n"
                            "role:active-replica\r\n"
                            "master_global_link_status:up\r\n"
                            "Master 0: \r\n"
                            "master_host:10.0.0.7\r\n"
                            "master_port:6379\r\n";
static const char dragonfly[] = "# Server\r\n"
                                "redis_version:7.4.0\r\n"
                                "dragonfly_version:df-v1.27.1\r\n"
                                "redis_mode:standalone\r\n"
                                "tcp_port:6379\r\n"
                                "# Replication\r\n"
                                "role:replica\r\n";
static const char sentinel[] = "# Server\r\n"
                               "redis_version:7.0.15\r\n"
                               "redis_mode:sentinel\r\n"
                               "tcp_port:26379\r\n";

static struct redis_info info_of(const char *text)
{
    struct redis_info info;

    redis_info_parse(&info, str_of(text));
    return info;
}

static void knows_the_products(void **state)
{
    static const struct {
        const char *text;
        enum redis_product product;
        const char *version, *mode;
        enum redis_role role;
    } cases[] = {
        { redis_5, REDIS_PRODUCT_REDIS, "5.0.14", "standalone", REDIS_ROLE_MASTER },
        { redis_6_replica, REDIS_PRODUCT_REDIS, "6.2.14", "standalone", REDIS_ROLE_REPLICA },
        { redis_7_cluster, REDIS_PRODUCT_REDIS, "7.0.15", "cluster", REDIS_ROLE_MASTER },
        { redis_8, REDIS_PRODUCT_REDIS, "8.0.2", "standalone", REDIS_ROLE_MASTER },
        { valkey_8, REDIS_PRODUCT_VALKEY, "8.1.3", "standalone", REDIS_ROLE_MASTER },
        { keydb, REDIS_PRODUCT_KEYDB, "6.3.4", "standalone", REDIS_ROLE_ACTIVE_REPLICA },
        { dragonfly, REDIS_PRODUCT_DRAGONFLY, "df-v1.27.1", "standalone", REDIS_ROLE_REPLICA },
        { sentinel, REDIS_PRODUCT_REDIS, "7.0.15", "sentinel", REDIS_ROLE_SENTINEL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_info info = info_of(cases[i].text);

        assert_true(info.is_known);
        assert_int_equal(info.product, cases[i].product);
        assert_string_equal(info.version, cases[i].version);
        assert_string_equal(info.mode, cases[i].mode);
        assert_int_equal(info.role, cases[i].role);
    }
    assert_string_equal(redis_info_product_name(REDIS_PRODUCT_VALKEY), "Valkey");
    assert_string_equal(redis_info_product_name(REDIS_PRODUCT_UNKNOWN), "an unknown server");
}

static void reads_a_master(void **state)
{
    struct redis_info info = info_of(redis_5);

    (void)state;
    assert_string_equal(info.run_id, RUN_ID);
    assert_string_equal(info.replid, REPLID);
    assert_int_equal(info.tcp_port, 6379);
    assert_int_equal(info.uptime_s, 4);
    assert_int_equal(info.used_memory, 854200);
    assert_int_equal(info.maxmemory, 0);
    assert_string_equal(info.maxmemory_policy, "noeviction");
    assert_int_equal(info.connected_replicas, 1);
    assert_int_equal(info.min_replicas_good, 1);
    assert_int_equal(info.loading, 0);
    assert_int_equal(info.aof_enabled, 1);
    assert_int_equal(info.cluster_enabled, 0);
    assert_int_equal(info.evicted_keys, -1); /* not reported */
    assert_int_equal(info.master_port, -1);
    assert_string_equal(info.master_host, "");
    assert_int_equal(info_of(redis_7_cluster).cluster_enabled, 1);
    assert_int_equal(info_of(redis_8).evicted_keys, 12);
    assert_string_equal(info_of(valkey_8).redis_version, "7.2.4");
}

static void reads_a_replica(void **state)
{
    struct redis_info info = info_of(redis_6_replica);

    (void)state;
    assert_string_equal(info.master_host, "redis-1.example");
    assert_int_equal(info.master_port, 6380);
    assert_string_equal(info.master_link_status, "down");
    assert_int_equal(info.tcp_port, 0);
    assert_int_equal(info.maxmemory, 104857600);
    assert_string_equal(info.maxmemory_policy, "volatile-lru");
    assert_int_equal(info.loading, 1);
}

static void takes_nothing_from_garbage(void **state)
{
    static const char *const texts[] = {
        "",
        "\r\n",
        ":\r\n",
        "role\r\n",
        "role:\r\n",
        "role:king\r\n",
        "role:master", /* without its line break it may be cut off */
        "Role:master\r\n",
        " role:master\r\n",
        "tcp_port:-1\r\n",
        "tcp_port:6379x\r\n",
        "tcp_port:99999999999999999999\r\n",
        "redis_version:\r\n",
        "redis_version:7.0\x01\r\n",
        "redis_version:7.0.1234567890123456789012345678901\r\n",
        "master_replid:" REPLID "0\r\n",
        "ERR unknown command\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct redis_info info = info_of(texts[i]);

        if (info.is_known)
            fail_msg("'%s' is known", texts[i]);
        assert_int_equal(info.product, REDIS_PRODUCT_UNKNOWN);
        assert_int_equal(info.role, REDIS_ROLE_UNKNOWN);
        assert_string_equal(info.version, "");
        assert_string_equal(info.replid, "");
        assert_int_equal(info.tcp_port, -1);
        assert_int_equal(info.maxmemory, -1);
    }
}

static bool is_unknown_or(const char *part, const char *whole)
{
    return !part[0] || strcmp(part, whole) == 0;
}

/* Each value is that of the whole text, or unknown. The copy has no byte after its end. */
static void is_cut_off_anywhere(void **state)
{
    struct redis_info whole = info_of(redis_5);

    (void)state;
    for (size_t n = 0; n < sizeof(redis_5); n++) {
        char *copy = malloc(n + 1);
        struct redis_info part;

        memcpy(copy, redis_5, n);
        copy = realloc(copy, n ? n : 1);
        redis_info_parse(&part, str_make(copy, n));
        assert_true(is_unknown_or(part.version, whole.version));
        assert_true(is_unknown_or(part.run_id, whole.run_id));
        assert_true(is_unknown_or(part.replid, whole.replid));
        assert_true(is_unknown_or(part.maxmemory_policy, whole.maxmemory_policy));
        assert_true(part.tcp_port == -1 || part.tcp_port == whole.tcp_port);
        assert_true(part.used_memory == -1 || part.used_memory == whole.used_memory);
        assert_true(part.role == REDIS_ROLE_UNKNOWN || part.role == whole.role);
        free(copy);
    }
}

static void tells_whether_it_evicts(void **state)
{
    const struct {
        const char *text;
        bool want;
    } rows[] = {
        { "maxmemory:1000\nmaxmemory_policy:volatile-lru\n", true },
        { "maxmemory:1000\nmaxmemory_policy:allkeys-random\n", true },
        { "maxmemory:1000\nmaxmemory_policy:noeviction\n", false },
        { "maxmemory:0\nmaxmemory_policy:allkeys-lru\n", false },
        { "maxmemory_policy:allkeys-lru\n", true },
        { "maxmemory:1000\n", false },
        { "", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redis_info info;

        redis_info_parse(&info, str_of(rows[i].text));
        assert_int_equal(redis_info_evicts(&info), rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_products),  cmocka_unit_test(reads_a_master),
        cmocka_unit_test(reads_a_replica),     cmocka_unit_test(takes_nothing_from_garbage),
        cmocka_unit_test(is_cut_off_anywhere), cmocka_unit_test(tells_whether_it_evicts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
