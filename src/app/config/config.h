/* config.h - all options, from one table (config.c), as a typed struct.
 * Thread:  read once by main, frozen before the other threads start, then shared read-only.
 * Owns:    its texts, until config_done.
 * Sources: --name=value beats the environment (NAME or name) beats the file that --config=FILE
 * names (app/config_file.h) beats the default; an empty value counts as not set.
 */
#ifndef EH_APP_CONFIG_H
#define EH_APP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "net/cidr.h"

struct keyring;

enum config_broker { CONFIG_BROKER_REDIS, CONFIG_BROKER_MEMORY };

/* What config_load read. */
struct config_source {
    int argc;
    char **argv;
    char **environment;
};

struct config {
    struct config_source source; /* borrowed */
    char *listen_address;        /* "": :: with IPv4 too */
    uint64_t listen_port;        /* 0: any free port, for tests; the log says which */
    bool enable_ssl;
    uint64_t ssl_listen_port; /* 0: as above */
    char *ssl_certificate;    /* paths; "": none */
    char *ssl_private_key;
    char *ssl_ca_certificate;
    bool ssl_cert_auto_reload;
    uint64_t ssl_cert_check_interval; /* s */
    bool disable_unsecure_listener;
    uint64_t worker_threads; /* 0: as many as CPUs this process may use */
    uint64_t broker;         /* enum config_broker */
    char *jwt_secret;
    char *jwt_secret_file;     /* here and below, files that config_read_secrets has read */
    char *jwt_secret_previous; /* "": none */
    char *jwt_secret_previous_file;
    uint64_t jwt_algorithm; /* enum key_algorithm (hub/keyring.h) */
    char *jwt_public_key;   /* path */
    char *jwt_keys_file;    /* path */
    char *jwt_audience;     /* "": any */
    char *jwt_issuer;       /* "": any */
    bool disable_auth;
    char *redis_host; /* a name, an address, or the path of a socket */
    uint64_t redis_port;
    char *redis_username;
    char *redis_password;
    char *redis_password_file;
    uint64_t redis_db;
    bool redis_tls;
    char *redis_tls_ca; /* paths; "": none */
    char *redis_tls_cert;
    char *redis_tls_key;
    char *redis_prefix;
    uint64_t redis_pool_size;
    bool enable_cache;
    bool enable_sse;
    bool enable_kvstore;
    bool enable_compression;
    uint64_t compression_min_size; /* bytes */
    uint64_t max_cache_length;
    uint64_t max_cache_request_limit;
    uint64_t default_cache_ttl;           /* s */
    uint64_t ping_interval;               /* s */
    uint64_t websocket_handshake_timeout; /* s */
    char *prometheus_metric_prefix;
    uint64_t log_level;              /* enum log_level */
    uint64_t log_format;             /* enum log_format */
    uint64_t max_message_size;       /* bytes */
    uint64_t max_header_size;        /* bytes */
    uint64_t max_output_queue;       /* bytes */
    uint64_t max_output_memory;      /* bytes; 0: a quarter of the memory */
    uint64_t max_connections;        /* 0: what RLIMIT_NOFILE allows */
    uint64_t max_connections_per_ip; /* 0: no limit */
    uint64_t connect_rate;           /* a second; 0: no limit */
    uint64_t max_subscriptions;      /* a connection */
    char *metrics_listen_address;    /* "": as listen_address */
    uint64_t metrics_listen_port;    /* 0: none, they are where clients are */
    char *allowed_origins;           /* see app/origin.h */
    bool proxy_protocol;
    struct cidr_list trusted_proxies;
    uint64_t memory_limit;     /* bytes */
    uint64_t broker_timeout;   /* s */
    uint64_t drain_delay;      /* s */
    uint64_t shutdown_timeout; /* s */
};

/* What the command line asks for. LIVE and READY ask the server that runs with the same options
 * (--health-check and --health-check=ready, app/health_check.h). MARKDOWN, MAN and FILE
 * (--help=markdown, --help=man, --help=conf) print the options for the README, the man page and the
 * example of a configuration file; for these, HELP and VERSION the other options are not looked at.
 */
enum config_action {
    CONFIG_RUN,
    CONFIG_CHECK,
    CONFIG_LIVE,
    CONFIG_READY,
    CONFIG_VERSION,
    CONFIG_HELP,
    CONFIG_MARKDOWN,
    CONFIG_MAN,
    CONFIG_FILE,
};

/* Reads argv, environ and the file. EH_EINVAL: one line in *ret_why (free its p) says which option
 * and what is allowed, never the value of a secret. */
int config_load(struct config *ret, int argc, char **argv, char **environment,
                enum config_action *ret_action, struct str *ret_why) EH_MUST_USE;
void config_done(struct config *c);
/* Reads the values of secrets from the files that their NAME_FILE options name; fails as
 * config_load does. */
int config_read_secrets(struct config *c, struct str *ret_why) EH_MUST_USE;

/* Logs what is allowed but seldom meant; at start. */
void config_warn(const struct config *c, const struct keyring *keys);

/* Reads everything again and takes over what may change while the server runs: LOG_LEVEL. Logs each
 * other option that is not as it was: it waits for a restart; and why nothing was taken. */
void config_reload(const struct config *running);

/* The whole text of --help, or the options as the README's Markdown table, the man page's list, or
 * an annotated file. */
enum config_text { CONFIG_TEXT_HELP, CONFIG_TEXT_MARKDOWN, CONFIG_TEXT_MAN, CONFIG_TEXT_FILE };
void config_print_options(FILE *out, enum config_text kind);

/* Tokens are verified with a secret that everybody knows. */
bool config_has_default_secret(const struct config *c);

#endif
