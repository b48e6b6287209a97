/* server.h - starts the threads in order, waits for signals, and stops the threads in order.
 * Thread:  main.
 * Start:   listening sockets, broker, workers, acceptor.
 * SIGHUP:  reads the options again (LOG_LEVEL applies at once) and reloads the keys of tokens, the
 *          settings of topics and the TLS files, the server's and those for Redis. Then the broker
 *          replaces its connections.
 * Stop:    the server reports not ready, waits for DRAIN_DELAY and stops the acceptor; all clients
 *          get Close 1001, spread over 70 % of the time left; then workers and broker stop.
 */
#ifndef EH_APP_SERVER_H
#define EH_APP_SERVER_H

#include "app/certificates.h"
#include "app/config/config.h"
#include "app/conn/key_store.h"
#include "app/conn/topic_store.h"
#include "hub/jwks.h"
#include "net/tls.h"

struct ws_service;

/* Everything that the server needs. Borrowed until server_run returns; only the keys, the
 * settings of topics and the certificates change. */
struct server_setup {
    const struct config *config;
    struct key_store *keys;
    struct jwks_result keys_skipped;
    struct topic_store *topics;        /* NULL: TOPICS_FILE is not set */
    struct certificates *certificates; /* NULL: no TLS */
    struct tls *redis_tls;             /* for Redis and Sentinels; NULL: neither uses TLS */
    const struct ws_service *service;  /* handles the WebSocket messages */
};

enum server_end {
    SERVER_DRAINED,     /* a signal asked it to stop, and it did */
    SERVER_INTERRUPTED, /* a second signal came: the process should exit at once */
    SERVER_FAILED,      /* it could not start, and logged why */
};

/* Runs the server until SIGTERM or SIGINT. The process must not have changed its signals before. */
enum server_end server_run(const struct server_setup *setup);

#endif
