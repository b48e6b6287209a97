/* health_check.h - asks the server that runs with the same options how it is, for whoever has no
 * other client at hand (a container's HEALTHCHECK).
 * Thread:  main of a process of its own: it blocks, for a few seconds at most.
 */
#ifndef EH_APP_HEALTH_CHECK_H
#define EH_APP_HEALTH_CHECK_H

#include <stdbool.h>

#include "app/config/config.h"

/* GET of "/healthz" or "/readyz" where the options say that it is: on METRICS_LISTEN_PORT, or else
 * where clients are, with TLS where there is nothing else. Says in a line what came of it. */
bool health_check(const struct config *config, const char *path);

#endif
