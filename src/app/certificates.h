/* certificates.h - the server's certificate: read at start, on SIGHUP, and when its files change.
 * Thread:  main, the one that may read files.
 * Owns:    what new TLS connections begin with (net/tls.h), which the workers share.
 * Fails:   bad files are one line that names the file and what is wrong; what was loaded before
 *          stays in use. A certificate that is not valid yet or any more is taken, with a warning.
 */
#ifndef EH_APP_CERTIFICATES_H
#define EH_APP_CERTIFICATES_H

#include "app/config/config.h"
#include "hub/metrics.h"
#include "net/loop.h"
#include "net/tls.h"

struct certificates;

/* Whether the options and the files that they name can be used. EH_EINVAL: why. */
int certificates_check(const struct config *config, char why[TLS_WHY_MAX]) EH_MUST_USE;

/* With ENABLE_SSL, else *ret is NULL. EH_EINVAL: it was logged. The loop is main's; with
 * SSL_CERT_AUTO_RELOAD the files are looked at from then on. */
int certificates_load(const struct config *config, struct loop *lp, struct metrics_cell *metrics,
                      struct certificates **ret) EH_MUST_USE;
void certificates_reload(struct certificates *c);           /* logged; NULL is fine */
struct tls *certificates_tls(const struct certificates *c); /* NULL for NULL */
void certificates_free(struct certificates *c);

#endif
