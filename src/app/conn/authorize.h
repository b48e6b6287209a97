/* authorize.h - turns a client's token into rights.
 * Thread:  the connection's worker.
 * Gives:   rights for conn->auth, which conn_forget_auth releases. With DISABLE_AUTH tokens are
 *          ignored and every client has all rights.
 * Fails:   EH_EINVAL with *ret_why, a static text for the answer. EH_ENOENT: the same, but another
 *          try may succeed, since the keys of the provider are being fetched: 503, not 401.
 */
#ifndef EH_APP_AUTHORIZE_H
#define EH_APP_AUTHORIZE_H

#include "app/conn/conn.h"
#include "proto/http.h"

extern const char authorize_revoked[]; /* the reason for refusing a revoked token */

/* Reports whether the token that gave these rights has been revoked since. */
bool authorize_is_revoked(const struct worker *w, const struct auth *auth);
/* Returns NULL, or why the rights of a request have ended since its head; counts it. */
const char *authorize_again(const struct conn *c);

/* Logs a refusal. */
void authorize_log_refusal(const struct conn *c, const char *why);

int authorize_token(const struct conn *c, struct str token, struct auth **ret_auth,
                    const char **ret_why) EH_MUST_USE;
/* Returns the counter of a refusal by authorize_token. */
enum metric authorize_refusal(int rc, const char *why);

/* Takes the token from the Authorization field, else the one that a handshake offers as a
 * subprotocol (NULL: none), else from the query's `auth`, else from the cookie JWT_COOKIE. Logs and
 * counts a refusal. */
int authorize_request(const struct conn *c, const struct http_request *rq, struct str offered,
                      struct auth **ret_auth, const char **ret_why) EH_MUST_USE;

#endif
