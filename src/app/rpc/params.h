/* params.h - reads the parameters of a request one by one: those of an RPC call, or of a URL's
 * query.
 * Thread:  any; pure.
 * Borrows: the JSON object. The strings that are read from it are views, valid as long as it is.
 * Fails:   with a jsonrpc_error code, and p->why names the parameter and the rule.
 * Absent:  an optional parameter that is missing or null is fine, and leaves *ret untouched.
 */
#ifndef EH_APP_PARAMS_H
#define EH_APP_PARAMS_H

#include <jansson.h>

#include "base/str.h"
#include "hub/auth.h"
#include "hub/eventlog.h"
#include "proto/jsonrpc.h"

#define PARAMS_TTL_MAX_S 31536000 /* a year */

struct params {
    const json_t *json; /* NULL, or not an object: no parameter is given */
    char why[400];      /* the error; has room for a topic */
};

/* Writes p->why and returns the code. */
int params_fail(struct params *p, int code, const char *fmt, ...) EH_PRINTF(3, 4);

/* Required. */
int params_string(struct params *p, const char *name, struct str *ret) EH_MUST_USE;

/* Optional. Numbers may be spelled as json_whole_number() says. */
int params_integer(struct params *p, const char *name, int64_t min, int64_t max,
                   int64_t *ret) EH_MUST_USE;
/* A time in ms; a fraction is cut off. */
int params_time(struct params *p, const char *name, int64_t *ret) EH_MUST_USE;
int params_bool(struct params *p, const char *name, bool *ret) EH_MUST_USE;
/* `since`, `sinceEventId` and `limit`; a limit above max_limit counts as max_limit. */
int params_eventlog(struct params *p, uint64_t max_limit, struct eventlog_request *ret) EH_MUST_USE;
/* The same, or `latest`. */
int params_history(struct params *p, uint64_t max_limit, struct eventlog_request *ret) EH_MUST_USE;

/* Refuses a value of `topic` that is not a topic (or a pattern, if allowed). */
int params_check_topic(struct params *p, struct str topic, bool pattern_allowed) EH_MUST_USE;
/* `topic`, required: a topic (or a pattern, if allowed) that the rights cover. */
int params_topic(struct params *p, const struct auth *auth, enum auth_right right,
                 bool pattern_allowed, struct str *ret) EH_MUST_USE;
/* `key` of the key/value store, required: spelled like a topic, and the rights cover it. */
int params_key(struct params *p, const struct auth *auth, enum auth_right right,
               struct str *ret) EH_MUST_USE;
/* Fails with JSONRPC_NOT_ALLOWED unless the rights cover this topic, pattern or key. */
int params_check_right(struct params *p, const struct auth *auth, enum auth_right right,
                       struct str name) EH_MUST_USE;

/* A parameter that a URL may carry, and the JSON type that an RPC call would give it. */
struct query_param {
    const char *name;
    enum {
        QUERY_STRING,
        QUERY_INTEGER, /* a whole number in any spelling of JSON, or with zeros in front */
        QUERY_NUMBER,
        QUERY_BOOL,
        QUERY_FLAG, /* the same, or 1 or 0 */
    } type;
};

/* Returns the query as the params object that an RPC call would have; the caller owns it. `known`
 * ends with {NULL}; other parameters of the query are ignored. A value that is not spelled as its
 * type stays a string. NULL: a value is not URL-encoded UTF-8. */
json_t *params_of_query(struct str query, const struct query_param *known) EH_MUST_USE;
/* Cuts parameters off a query up to the first one that is neither known nor `auth`, which every
 * request may have. False: there is none. */
bool params_cut_unknown(struct str *query, const struct query_param *known, struct str *ret_name);

#endif
