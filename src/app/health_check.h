/* health_check.h - asks the server that runs with the same options whether it is healthy, so that a
 * container's HEALTHCHECK needs no other client.
 * Thread:  main of a process of its own: it blocks, for a few seconds at most.
 */
#ifndef EH_APP_HEALTH_CHECK_H
#define EH_APP_HEALTH_CHECK_H

#include <stdbool.h>

#include "app/config/config.h"

/* Requests `path`, "/healthz" or "/readyz", from METRICS_LISTEN_PORT or, if that is not set, from
 * the clients' port, which is the TLS port if there is no other. Prints one line with the outcome.
 * True: the answer was 200. */
bool health_check(const struct config *config, const char *path);

#endif
