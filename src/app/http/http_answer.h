/* http_answer.h - writes answers to HTTP requests.
 * Thread:  the connection's worker.
 * Adds:    Date, and the CORS lines that conn->cors holds.
 * Ends:    the connection after an answer that cannot or may not be followed by another request.
 */
#ifndef EH_APP_HTTP_ANSWER_H
#define EH_APP_HTTP_ANSWER_H

#include "app/conn/conn.h"
#include "proto/http.h"

struct http_answer {
    int status;
    const char *type; /* Content-Type; NULL: no body */
    struct str body;
    struct str extra; /* more header lines, each with its CRLF */
    bool is_head;     /* the body is announced, but not sent */
};

#define HTTP_CHALLENGE "WWW-Authenticate: Bearer\r\n" /* a 401 must have it */

/* Answers a request. rq NULL: the rest of the input cannot be read, so the connection ends. */
void http_send(struct conn *c, const struct http_request *rq, const struct http_answer *a);
/* Answers a request whose head is no longer in memory. */
void http_send_later(struct conn *c, bool keep_alive, const struct http_answer *a);
/* Answers with {"error":"why"}. */
void http_send_error(struct conn *c, const struct http_request *rq, int status, const char *why,
                     struct str extra);
/* Answers a request that authorize_request (app/conn/authorize.h) refused: 401 or, if another try
 * may succeed (EH_ENOENT), 503 with Retry-After. */
void http_send_unauthorized(struct conn *c, const struct http_request *rq, int rc, const char *why);
/* Answers a request of which a part, "head" or "body", did not come in time: 408. */
void http_send_timeout(struct conn *c, const char *what);
void http_add_error(struct buf *out, const char *why); /* the body alone */

void http_send_continue(struct conn *c); /* 100: the client may send the body */
/* Sends a head and the beginning of the body as one unit, and does not end the connection. */
void http_send_unit(struct conn *c, const struct http_response *head, struct str body);

void http_forget_cors(struct conn *c); /* the request is answered, or the connection ends */

#endif
