/* redis_tls.h - the CA that verifies Redis and our client certificate: read at start and on SIGHUP.
 * Thread:  main, which may read large files.
 * Fails:   with one line that names the file and the fault. A failed reload keeps what was loaded
 *          before.
 */
#ifndef EH_APP_REDIS_TLS_H
#define EH_APP_REDIS_TLS_H

#include "app/config/config.h"
#include "base/buf.h"
#include "net/tls.h"

/* Reads the files; *ret is NULL without REDIS_TLS and REDIS_SENTINEL_TLS, and freed with
 * tls_free. EH_EINVAL: *why is one line. */
int redis_tls_load(const struct config *config, struct tls **ret, struct buf *why) EH_MUST_USE;

/* Reads the files again for later connections, and logs a failure. NULL is fine. */
void redis_tls_reload(const struct config *config, struct tls *tls);

#endif
