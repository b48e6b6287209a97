/* config.h - the configuration of the broker. Plain data; broker_create copies the struct, but not
 * the texts and objects that it points to.
 */
#ifndef EH_BROKER_CONFIG_H
#define EH_BROKER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REDIS_HOST_MAX 255 /* bytes of a name, as in DNS; the path of a socket is shorter */

struct json_t; /* jansson's */
struct metrics_cell;
struct redis_login;
struct revoked;
struct tls;

/* Where a Redis listens. */
struct redis_endpoint {
    char host[REDIS_HOST_MAX + 1]; /* a name, an address, or the path of a socket (begins with /) */
    uint16_t port;                 /* not used with a path */
};

/* Whether Redis is a Cluster. */
enum redis_cluster_mode { REDIS_CLUSTER_AUTO, REDIS_CLUSTER_YES, REDIS_CLUSTER_NO };

struct broker_config {
    enum { BROKER_REDIS, BROKER_MEMORY } kind;
    bool cache;                /* ENABLE_CACHE: keep the log */
    uint64_t max_cache_length; /* entries of a topic; 0: no limit */
    uint64_t default_ttl_s;    /* 0: messages never expire */
    uint64_t timeout_ms;       /* BROKER_TIMEOUT */
    uint64_t memory_limit; /* memory engine: bytes of the log and the key/value store together */
    uint64_t tail_memory;  /* Redis engine: bytes of the last live messages, at most 64 MiB */
    const struct redis_endpoint *redis_hosts; /* one; or some nodes of a cluster */
    size_t n_redis_hosts;                     /* at least 1; 0 with Sentinels */
    enum redis_cluster_mode redis_cluster;    /* never YES with Sentinels or with redis_db */
    const struct redis_endpoint *redis_sentinels;
    size_t n_redis_sentinels;                 /* 0: no Sentinels */
    const char *redis_sentinel_master;        /* its name; not used without Sentinels */
    struct redis_login *redis_sentinel_login; /* NULL: none */
    struct tls *redis_sentinel_tls;  /* NULL: no TLS; may be the same object as redis_tls */
    struct redis_login *redis_login; /* NULL: none */
    unsigned redis_db;
    unsigned redis_wait;        /* replicas that must have a publish before it is answered ok */
    struct tls *redis_tls;      /* NULL: no TLS */
    const char *redis_tls_name; /* that Redis's certificate must have; "": that of the host */
    const char *redis_prefix;
    unsigned redis_pool_size;     /* command connections; at least 2 are used */
    struct revoked *revoked;      /* the broker adds the tokens that were revoked on any node */
    struct metrics_cell *metrics; /* written by the broker's thread only */
    /* Drops from the answers of this node's workers to a question (broker_ask) what its asker does
     * not need, before they leave the node. NULL: nothing. Runs on the broker's thread. */
    void (*trim_answers)(const struct json_t *question, const struct json_t *answers);
};

#endif
