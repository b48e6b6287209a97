/* jwks_url.h - what JWT_JWKS_URL may be.
 * Thread:  any; pure.
 * Rule:    https, so that nobody on the way can replace the keys; http only for this machine. No
 *          user or password: whoever fetches keys needs no secret, and a URL is shown.
 */
#ifndef EH_APP_JWKS_URL_H
#define EH_APP_JWKS_URL_H

#include <stdbool.h>

#include "base/str.h"

#define JWKS_URL_MAX 1024 /* bytes */

/* Returns what the text is instead ("a URL with a user"; static text), or NULL: it may be used. */
const char *jwks_url_fault(struct str text);
/* Reports whether a usable URL is of this machine. */
bool jwks_url_is_local(struct str url);

#endif
