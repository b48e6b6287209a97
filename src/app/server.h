/* server.h - starts the threads in order, waits for signals, stops the threads in order.
 * Thread:  main.
 * SIGHUP:  reads the TLS certificates again, ours and those for Redis.
 * Start:   listening sockets, broker, workers, acceptor. Stop: not ready any more, DRAIN_DELAY, the
 *          acceptor, Close 1001 to all clients over 70 % of the time left, the workers, the broker.
 */
#ifndef EH_APP_SERVER_H
#define EH_APP_SERVER_H

#include "app/config/config.h"
#include "hub/keyring.h"

struct ws_service;

enum server_end {
    SERVER_DRAINED,     /* asked to stop, and did */
    SERVER_INTERRUPTED, /* asked a second time: the process should exit at once */
    SERVER_FAILED,      /* could not start; it was logged */
};

/* Runs the server until SIGTERM or SIGINT: messages go to the service (app/conn.h). Signals must
 * not have been touched before. */
enum server_end server_run(const struct config *config, const struct keyring *keys,
                           const struct ws_service *service);

#endif
