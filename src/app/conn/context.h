/* context.h - what all workers share.
 * Thread:  main fills it before the workers start; from then on it is immutable, except for
 *          `draining`, which main sets.
 * Borrows: everything it points to, which outlives the workers.
 */
#ifndef EH_APP_CONTEXT_H
#define EH_APP_CONTEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/config/config.h"
#include "hub/auth.h"
#include "hub/metrics.h"

struct broker;
struct key_store;
struct per_ip;
struct revoked;
struct tls;
struct topic_store;
struct ws_service;

/* How clients of one listening socket are served. */
struct listener {
    struct tls *tls;       /* NULL: plain */
    bool has_proxy_header; /* every connection begins with a PROXY header (PROXY_PROTOCOL) */
    bool is_internal;      /* serves only health, metrics, the console and the API */
};

struct context {
    const struct config *config;
    const struct ws_service *service; /* handles WebSocket messages (app/conn/conn_ws.h) */
    struct key_store *keys;           /* the keys that verify tokens */
    struct topic_store *topics;       /* settings of topics; NULL: none (TOPICS_FILE) */
    struct auth_policy tokens;        /* without the keys */
    struct revoked *revoked;          /* tokens that are refused (hub/revoked.h) */
    const struct listener *listeners; /* by the index that the acceptor reports */
    bool has_internal_listener;       /* if so, the other listeners do not serve these */
    struct broker *broker;
    char node[17];      /* 16 hexadecimal digits, which name this node as long as it runs */
    char host[65];      /* of its machine, for people: printable ASCII, may be cut */
    uint64_t started_s; /* since the epoch */
    struct metrics_source metrics;
    struct metrics_cell *const *workers; /* the workers' cells */
    size_t n_workers;
    struct per_ip *per_ip;      /* for MAX_CONNECTIONS_PER_IP; NULL: no limit */
    uint64_t max_output_memory; /* of all workers together */
    uint64_t max_connections;   /* of all workers together */
    atomic_bool draining;       /* the server is going away: it is no longer ready */
};

#endif
