/* redis_info.h - parses the answer to INFO, in which a server describes itself, into a struct.
 * Thread:  any; pure.
 * Owns:    nothing; the struct is plain data.
 * Trusts:  nothing: a line that is missing, malformed, too long or cut off leaves its member at the
 *          value for "not reported". A line counts only with its line break, so a text that
 *          was cut off never gives half a value.
 */
#ifndef EH_BROKER_REDIS_INFO_H
#define EH_BROKER_REDIS_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define REDIS_REPLID_TEXT 40

enum redis_product {
    REDIS_PRODUCT_UNKNOWN,
    REDIS_PRODUCT_REDIS,
    REDIS_PRODUCT_VALKEY,
    REDIS_PRODUCT_KEYDB,
    REDIS_PRODUCT_DRAGONFLY,
};

enum redis_role {
    REDIS_ROLE_UNKNOWN,
    REDIS_ROLE_MASTER,
    REDIS_ROLE_REPLICA,
    REDIS_ROLE_ACTIVE_REPLICA, /* KeyDB: accepts writes, and so do others */
    REDIS_ROLE_SENTINEL,       /* it stores no data */
};

/* Texts are "" and numbers -1 where the server reports nothing. */
struct redis_info {
    bool is_known; /* at least one line was understood */
    enum redis_product product;
    char version[32];       /* the product's own, for example Valkey's */
    char redis_version[32]; /* the version of Redis that it is compatible with */
    char mode[16];          /* standalone, cluster, sentinel */
    char run_id[REDIS_REPLID_TEXT + 1];
    enum redis_role role;
    char replid[REDIS_REPLID_TEXT + 1];
    char master_host[256];      /* of a replica */
    int64_t master_port;        /* of a replica */
    char master_link_status[8]; /* of a replica: up, down */
    int64_t connected_replicas; /* of a master */
    int64_t min_replicas_good;  /* of a master with min-replicas-to-write: replicas that count */
    int64_t tcp_port;           /* 0: no port without TLS */
    char maxmemory_policy[24];
    int64_t maxmemory; /* bytes; 0: no limit */
    int64_t used_memory;
    int64_t evicted_keys;
    int64_t cluster_enabled; /* 0, 1 */
    int64_t loading;         /* 0, 1 */
    int64_t aof_enabled;     /* 0, 1 */
    int64_t uptime_s;
};

void redis_info_parse(struct redis_info *ret, struct str text);

/* Reports whether the server deletes keys that have not expired when its memory is full. Without a
 * limit it never does, whatever its policy is. */
bool redis_info_evicts(const struct redis_info *info);

/* "Redis", "Valkey", ...; "an unknown server". */
const char *redis_info_product_name(enum redis_product product);

#endif
