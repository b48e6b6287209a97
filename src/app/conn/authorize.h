/* authorize.h - who a client is: its token becomes rights.
 * Thread:  the connection's worker.
 * Gives:   rights for conn->auth, which conn_forget_auth gives back; everybody's with DISABLE_AUTH,
 *          where no token is looked at.
 * Fails:   EH_EINVAL with *ret_why, static text for the answer.
 */
#ifndef EH_APP_AUTHORIZE_H
#define EH_APP_AUTHORIZE_H

#include "app/conn/conn.h"
#include "proto/http.h"

int authorize_token(const struct conn *c, struct str token, struct auth **ret_auth,
                    const char **ret_why) EH_MUST_USE;
/* The token of the Authorization field, else of the query's `auth`. A refusal was logged and
 * counted. */
int authorize_request(const struct conn *c, const struct http_request *rq, struct auth **ret_auth,
                      const char **ret_why) EH_MUST_USE;

#endif
