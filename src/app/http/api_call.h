/* api_call.h - one request of the control API, from its head to its answer: what api.c, which knows
 * the endpoints, and the endpoints share.
 * Thread:  the connection's worker.
 * Owns:    a call, from its head until it is answered or the connection ends.
 */
#ifndef EH_APP_API_CALL_H
#define EH_APP_API_CALL_H

#include "app/http/http_later.h"
#include "base/log.h"
#include "hub/auth.h"

#define API_NOT_DONE "the request was not executed"
#define API_BODY_MAX 4096 /* bytes of a body that is an object */

struct api_endpoint {
    const char *name; /* in the log */
    const char *path; /* one that ends with a slash begins the paths of this endpoint */
    const char *method;
    enum auth_admin right;
    /* Executes the call, whose body is in c->message. Answers, or calls http_later_wait and
     * answers later. */
    void (*run)(struct conn *c);
};

struct api_call {
    struct http_later later;
    const struct api_endpoint *endpoint;
    struct buf query; /* not decoded; nor is what follows the endpoint's path: */
    struct buf rest;
};

/* Logs and counts a call that is about to be executed. `what` has its number of things, such as
 * messages. */
void api_call_note(const struct conn *c, struct log_field what);
void api_call_answer(struct conn *c, struct str json); /* with 200 */
/* Answers with an error, and logs and counts it. */
void api_call_fail(struct conn *c, int status, const char *why);

struct json_t;

/* Reads a body that must be an object; *ret_body is the caller's, and NULL if it is anything else.
 * False: it is too long, and the call was answered. */
bool api_call_read_body(struct conn *c, struct json_t **ret_body);

struct params;
struct query_param;

/* Refuses a body with members that are not in `names`, which ends with NULL: a misspelled option
 * must not count as one that was left out. */
int api_call_check_members(struct params *p, const char *const *names) EH_MUST_USE;
/* The same for the parameters of the query. */
int api_call_check_query(const struct conn *c, struct params *p,
                         const struct query_param *known) EH_MUST_USE;

/* Logs the refusal of a request; endpoint NULL: the path is unknown. */
void api_log_refusal(const struct conn *c, const struct api_endpoint *endpoint, int status,
                     const char *why);

#endif
