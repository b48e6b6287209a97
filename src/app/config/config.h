/* config.h - all options as one typed struct. config_load fills it from the table of options
 * (config_table.h).
 * Thread:  main fills it before the other threads start; from then on it is shared and immutable.
 * Owns:    its texts and lists, until config_done.
 */
#ifndef EH_APP_CONFIG_H
#define EH_APP_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "app/config/endpoints.h"
#include "net/cidr.h"

enum config_broker { CONFIG_BROKER_REDIS, CONFIG_BROKER_MEMORY };

/* Where options come from, besides the file that --config=FILE names. Borrowed. */
struct config_source {
    int argc;
    char **argv;
    char **environment;
    const char *only; /* the prefix of the options that count ("JWT_"): all others, faulty or
                         unknown ones too, are ignored; NULL: all count */
};

#define CONFIG_OPTIONS_MAX 128

struct config {
    struct config_source source;       /* for config_reload */
    bool is_given[CONFIG_OPTIONS_MAX]; /* by the position in config_options: not the default */
    char *listen_address;              /* "": ::, which takes IPv4 too */
    uint64_t listen_port;              /* 0: any free port, which the log names */
    char *listen_unix;                 /* path; "": none */
    uint64_t listen_unix_mode;         /* its permission bits */
    bool enable_ssl;
    uint64_t ssl_listen_port; /* 0: as above */
    char *ssl_certificate;    /* paths; "": none */
    char *ssl_private_key;
    char *ssl_ca_certificate;
    bool ssl_cert_auto_reload;
    uint64_t ssl_cert_check_interval; /* s */
    bool disable_unsecure_listener;
    uint64_t worker_threads; /* 0: as many as the CPUs that this process may use */
    uint64_t broker;         /* enum config_broker */
    char *jwt_secret;
    char *jwt_secret_file;     /* the _FILE options are paths that config_read_secrets reads */
    char *jwt_secret_previous; /* "": none */
    char *jwt_secret_previous_file;
    uint64_t jwt_algorithm;    /* enum key_algorithm (hub/keyring.h) */
    char *jwt_public_key;      /* path */
    char *jwt_keys_file;       /* path */
    char *jwt_jwks_file;       /* path */
    char *jwt_jwks_url;        /* "": none */
    uint64_t jwt_jwks_refresh; /* s */
    char *jwt_jwks_ca;         /* path; "": the system's authorities */
    char *jwt_audience;        /* "": any */
    char *jwt_issuer;          /* "": any */
    uint64_t jwt_leeway;       /* s */
    char *jwt_cookie;          /* "": none */
    bool disable_auth;
    char *redis_url; /* "": none; config_settle_redis has put its parts into the other members */
    char *redis_url_file;
    char *redis_host; /* the text that redis_hosts comes from */
    uint64_t redis_port;
    struct endpoint_list redis_hosts; /* empty with Sentinels */
    uint64_t redis_cluster;           /* enum redis_cluster_mode (broker/config.h) */
    char *redis_username;
    char *redis_username_file;
    char *redis_password;
    char *redis_password_file;
    uint64_t redis_db;
    uint64_t redis_wait;                       /* replicas */
    char *redis_sentinels;                     /* the text that redis_sentinel_hosts comes from */
    struct endpoint_list redis_sentinel_hosts; /* empty: no Sentinels */
    char *redis_sentinel_master;
    char *redis_sentinel_username;
    char *redis_sentinel_password;
    char *redis_sentinel_password_file;
    bool redis_sentinel_tls;
    bool redis_tls;
    char *redis_tls_ca; /* paths; "": none */
    char *redis_tls_cert;
    char *redis_tls_key;
    char *redis_tls_name; /* "": the host's own */
    char *redis_prefix;
    uint64_t redis_pool_size;
    bool enable_cache;
    bool enable_sse;
    bool enable_kvstore;
    bool enable_console;
    bool enable_api;
    bool enable_compression;
    uint64_t compression_min_size; /* bytes */
    uint64_t max_cache_length;
    uint64_t max_cache_request_limit;
    uint64_t default_cache_ttl;           /* s */
    char *topics_file;                    /* "": none */
    uint64_t ping_interval;               /* s */
    uint64_t websocket_handshake_timeout; /* s */
    uint64_t http_keepalive_timeout;      /* s */
    char *prometheus_metric_prefix;
    uint64_t log_level;              /* enum log_level */
    uint64_t log_format;             /* enum log_format */
    uint64_t max_message_size;       /* bytes */
    uint64_t max_header_size;        /* bytes */
    uint64_t max_output_queue;       /* bytes */
    uint64_t max_output_memory;      /* bytes; 0: a quarter of the memory */
    uint64_t max_connections;        /* 0: what RLIMIT_NOFILE permits */
    uint64_t max_connections_per_ip; /* 0: no limit */
    uint64_t connect_rate;           /* per second; 0: no limit */
    uint64_t max_subscriptions;      /* per connection */
    char *metrics_listen_address;    /* "": as listen_address */
    uint64_t metrics_listen_port;    /* 0: metrics are served on the clients' ports */
    char *allowed_origins; /* a list that origin_list_is_valid accepted (proto/origin.h) */
    bool proxy_protocol;
    struct cidr_list trusted_proxies;
    uint64_t memory_limit;     /* bytes */
    uint64_t broker_timeout;   /* s */
    uint64_t drain_delay;      /* s */
    uint64_t shutdown_timeout; /* s */
};

#endif
