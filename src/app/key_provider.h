/* key_provider.h - fetches the key set of an identity provider (JWT_JWKS_URL) regularly.
 * Thread:  the functions below belong to main. The rest runs on a thread of its own, which may
 *          block: libcurl resolves names, connects and waits there. No worker waits for it.
 * Owns:    the thread. Borrows the options, the key store and the metrics, until it has stopped.
 * Keeps:   the last good set while the provider is away, or sends a set that cannot be used.
 * When:    jwks_schedule.h.
 */
#ifndef EH_APP_KEY_PROVIDER_H
#define EH_APP_KEY_PROVIDER_H

#include "app/config/config.h"
#include "app/conn/key_store.h"
#include "base/buf.h"
#include "hub/metrics.h"

struct key_provider;

/* Checks the file of JWT_JWKS_CA, which libcurl reads for each fetch, and, with JWT_JWKS_URL, that
 * there is libcurl. EH_EINVAL: *why is one line. */
int key_provider_check(const struct config *config, struct buf *why) EH_MUST_USE;

/* Starts the thread; *ret is NULL without JWT_JWKS_URL, or with DISABLE_AUTH. To be called before
 * the workers start. EH_EIO. */
int key_provider_start(const struct config *config, struct key_store *store,
                       struct metrics_cell *metrics, struct key_provider **ret) EH_MUST_USE;
/* Ends a fetch that is under way within about a second. After the workers. NULL is fine. */
void key_provider_stop(struct key_provider *p);

#endif
