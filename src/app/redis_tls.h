/* redis_tls.h - whom we trust as Redis, and what we show it: read at start and on SIGHUP.
 * Thread:  main, the one that may read files.
 * Fails:   bad files are one line that names the file and what is wrong; what was loaded before
 *          stays in use.
 */
#ifndef EH_APP_REDIS_TLS_H
#define EH_APP_REDIS_TLS_H

#include "app/config/config.h"
#include "net/tls.h"

/* Whether the files can be used. EH_EINVAL: why. */
int redis_tls_check(const struct config *config, char why[TLS_WHY_MAX]) EH_MUST_USE;

/* *ret is NULL without REDIS_TLS; tls_free it. EH_EINVAL: it was logged. */
int redis_tls_load(const struct config *config, struct tls **ret) EH_MUST_USE;

/* For connections to come. Logged; NULL is fine. */
void redis_tls_reload(const struct config *config, struct tls *tls);

#endif
