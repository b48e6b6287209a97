/* fetch.h - one HTTP request over a connection of its own, e.g. for /readyz and /metrics.
 * Thread:  its loop's.
 * Owns:    the connection and the answer.
 * Bounds:  a head of 64 KiB, a body of FETCH_BODY_MAX, the target's timeout for everything.
 * Fails:   with one line and an exit status: CTL_NO_CONNECTION also if it is not an HTTP server, or
 *          silent.
 */
#ifndef EH_CTL_FETCH_H
#define EH_CTL_FETCH_H

#include "base/buf.h"
#include "base/err.h"

#define FETCH_BODY_MAX (1024 * 1024) /* /metrics has a few KiB */

struct fetch;
struct http_reply;
struct runtime;
struct target;

struct fetch_result {
    const char *why;                /* there is no answer: one line; NULL: there is one */
    int exit_status;                /* with why */
    const struct http_reply *reply; /* without why; valid during the call, as is body */
    struct str body;                /* reply_add_error (reply_reader.h) reads an error from both */
};
/* Comes once, not from within fetch_start. The fetch is still to be freed, which may be done
 * here. */
typedef void fetch_fn(const struct fetch_result *result, void *arg);

/* Sends GET. path begins with a slash and is appended to the target's ("/hub" and "/readyz"). The
 * token is sent if the target has one. */
struct fetch *fetch_start(struct runtime *rt, const struct target *target, const char *path,
                          fetch_fn *fn, void *arg);
/* Sets another method, a constant, and the body, which is copied. Call it before the loop runs. */
void fetch_set_method(struct fetch *f, const char *method, struct str body);
void fetch_free(struct fetch *f); /* gives up if it is not done; NULL is fine */

#endif
