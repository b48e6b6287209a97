/* config.h - the configuration of the broker. Plain data; broker_create copies the struct, but not
 * the texts and objects that it points to.
 */
#ifndef EH_BROKER_CONFIG_H
#define EH_BROKER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

struct metrics_cell;
struct tls;

struct broker_config {
    enum { BROKER_REDIS, BROKER_MEMORY } kind;
    bool cache;                /* ENABLE_CACHE: keep the log */
    uint64_t max_cache_length; /* entries of a topic; 0: no limit */
    uint64_t default_ttl_s;    /* 0: messages never expire */
    uint64_t timeout_ms;       /* BROKER_TIMEOUT */
    uint64_t memory_limit;  /* memory engine: bytes of the log and the key/value store together */
    const char *redis_host; /* a name, an address, or the path of a socket */
    uint16_t redis_port;
    const char *redis_username; /* "": the default user */
    const char *redis_password; /* "": none */
    unsigned redis_db;
    struct tls *redis_tls; /* NULL: no TLS */
    const char *redis_prefix;
    unsigned redis_pool_size;     /* command connections; at least 2 are used */
    struct metrics_cell *metrics; /* written by the broker's thread only */
};

#endif
