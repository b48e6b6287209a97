/* ask.h - for commands that ask and wait: one connection, one call after another.
 * Thread:  main; runs the loop while it waits.
 * Fails:   with an exit status other than CTL_OK, after it has said why (term_error).
 */
#ifndef EH_CTL_ASK_H
#define EH_CTL_ASK_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

struct ask;
struct invocation;

int ask_open(const struct invocation *in, struct ask **ret) EH_MUST_USE; /* connects */
void ask_close(struct ask *a);                                           /* NULL is fine */

/* Makes the call. Takes the reference to params (NULL: none). The result is the caller's; it lacks
 * `action`, which only repeats the method. */
int ask_call(struct ask *a, const char *method, json_t *params, json_t **ret_result) EH_MUST_USE;

/* Waits. The connection may end meanwhile. */
int ask_wait(struct ask *a, uint64_t ms) EH_MUST_USE;
const char *ask_url(const struct ask *a); /* of the server, as it may be shown */

/* Connects, makes one call and disconnects. */
int ask_once(const struct invocation *in, const char *method, json_t *params,
             json_t **ret_result) EH_MUST_USE;

#endif
