/* jwks_url.h - the rules for JWT_JWKS_URL.
 * Thread:  any; pure.
 * Rule:    https, so that nobody on the way can replace the keys; http only for this machine. No
 *          user or password: fetching public keys needs no secret, and logs show the URL.
 */
#ifndef EH_APP_JWKS_URL_H
#define EH_APP_JWKS_URL_H

#include <stdbool.h>

#include "base/str.h"

#define JWKS_URL_MAX 1024 /* bytes */

/* Returns NULL if the URL may be used, or else a static text that describes it, such as "a URL
 * without a host". */
const char *jwks_url_fault(struct str text);
/* Reports whether a usable URL is of this machine. */
bool jwks_url_is_local(struct str url);

#endif
