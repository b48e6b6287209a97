/* routes.h - plain HTTP: what is served under which path, and how an answer is written.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_ROUTES_H
#define EH_APP_ROUTES_H

#include "app/conn.h"
#include "proto/http.h"

struct http_answer {
    int status;
    const char *type; /* Content-Type; NULL: no body */
    struct str body;
    struct str extra; /* more header lines, each with its CRLF */
};

/* Answers a request, or (rq NULL) something after which nothing can be read as one. */
void http_send(struct conn *c, const struct http_request *rq, const struct http_answer *a);
void http_send_head(struct conn *c, int status, struct str extra); /* 101 */
/* {"error":"…"} */
void http_send_error(struct conn *c, const struct http_request *rq, int status, const char *why,
                     struct str extra);

/* Answers every request that is no upgrade. True when the path is one of ours, so that it does not
 * upgrade either. */
bool routes_handle(struct conn *c, const struct http_request *rq);

/* upgrade.c: a request that wants to be a WebSocket. */
bool upgrade_is_wanted(const struct http_request *rq);
void upgrade_handle(struct conn *c, const struct http_request *rq);

#endif
