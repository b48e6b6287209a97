/* certificates.h - the certificate of the server: read at start, on SIGHUP, and when its files
 * change.
 * Thread:  main, which may read large files.
 * Owns:    the context of new TLS connections (net/tls.h), which the workers share.
 * Fails:   with one line that names the file and the fault. A failed reload keeps what was loaded
 *          before. A certificate that is not yet valid or has expired is used, with a warning.
 */
#ifndef EH_APP_CERTIFICATES_H
#define EH_APP_CERTIFICATES_H

#include "app/config/config.h"
#include "base/buf.h"
#include "hub/metrics.h"
#include "net/loop.h"
#include "net/tls.h"

struct certificates;

/* Checks the options and reads the files that they name; *ret is NULL without ENABLE_SSL.
 * EH_EINVAL: one line in *why. */
int certificates_load(const struct config *config, struct certificates **ret,
                      struct buf *why) EH_MUST_USE;
/* Logs and counts the certificate in use and, with SSL_CERT_AUTO_RELOAD, checks its files from now
 * on. The loop is main's. NULL is fine, here and below. */
void certificates_start(struct certificates *c, struct loop *lp, struct metrics_cell *metrics);
void certificates_stop(struct certificates *c);   /* ends the checks; before the loop is freed */
void certificates_reload(struct certificates *c); /* logs the outcome */
struct tls *certificates_tls(const struct certificates *c);
void certificates_free(struct certificates *c);

#endif
