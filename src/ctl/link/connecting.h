/* connecting.h - the first step of a command that connects: where to, and the loop to run in.
 * Thread:  main.
 * Fails:   with an exit status, after it has said why (term_error); both results are then NULL.
 */
#ifndef EH_CTL_CONNECTING_H
#define EH_CTL_CONNECTING_H

#include "base/err.h"

struct invocation;
struct runtime;
struct target;

/* The caller frees the runtime, then the target. */
int connecting_begin(const struct invocation *in, struct target **ret_target,
                     struct runtime **ret_runtime) EH_MUST_USE;

#endif
