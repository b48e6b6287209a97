/* control.h - one request to the control API of a server (docs/control.md).
 * Thread:  main; runs a loop while it waits.
 * Fails:   with an exit status other than CTL_OK, after it has said why (term_error).
 */
#ifndef EH_CTL_CONTROL_H
#define EH_CTL_CONTROL_H

#include "base/err.h"

struct invocation;
struct json_t; /* jansson's */

/* Asks with GET, or with POST if there is a body, whose reference it takes. The result is an
 * object, the caller's. Warns if not all nodes have answered. */
int control_ask(const struct invocation *in, const char *path, struct json_t *body,
                struct json_t **ret_result) EH_MUST_USE;
/* The same with DELETE. */
int control_delete(const struct invocation *in, const char *path,
                   struct json_t **ret_result) EH_MUST_USE;

#endif
