/* claims.h - reads a token's header or payload: only the claims that the server uses.
 * Thread:  any; pure.
 * Checks:  the text is a JSON object; no used claim occurs twice (RFC 7519, 4), and jansson can
 *          represent its value, or the claim may be ignored. All other claims are ignored and may
 *          hold any JSON.
 * Fails:   returns why the object is refused (static text); NULL on success.
 */
#ifndef EH_HUB_CLAIMS_H
#define EH_HUB_CLAIMS_H

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

#define CLAIMS_MAX 16

/* A claim that the server uses, with the reasons for refusing it; NULL: such a claim is ignored
 * instead. */
struct claim {
    const char *name, *is_repeated, *is_unreadable;
};

/* The row of a claim; `what` is how the reasons name it. */
#define CLAIM(what, name)                                                                          \
    {                                                                                              \
        name, what " occurs more than once",                                                       \
            what " holds U+0000, half a surrogate pair, a duplicate name or a number out of range" \
    }

/* Reads the n (at most CLAIMS_MAX) claims of `used`. The caller owns *ret_claims, an object with
 * those that occur in the text. `not_object` is the reason if the text is not a JSON object. */
const char *claims_read(struct str text, const char *not_object, const struct claim *used, size_t n,
                        json_t **ret_claims) EH_MUST_USE;

#endif
