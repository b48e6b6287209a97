/* author.h - the connection that published a message and does not want it back ("echo": false).
 * The name goes with the message through Redis and the log, so the connection recognizes its own
 * message wherever it comes from, even before the publish is answered.
 * Thread:  any; pure.
 */
#ifndef EH_HUB_AUTHOR_H
#define EH_HUB_AUTHOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define AUTHOR_TEXT 64 /* four numbers, three '-', NUL */

struct author {
    uint64_t worker; /* a random number of the worker: no other one, on any node, has it */
    uint32_t slot;   /* the connection's ticket on this worker */
    uint32_t generation;
    uint64_t n; /* counts such publishes of the worker, from 1; 0: no author */
};

/* Parses `<worker>-<slot>-<generation>-<n>`, decimal. EH_EINVAL: anything else, and 0 as n. */
int author_parse(struct str s, struct author *ret) EH_MUST_USE;
size_t author_format(const struct author *a, char out[AUTHOR_TEXT]); /* returns the length */

#endif
