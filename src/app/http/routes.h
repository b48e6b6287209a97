/* routes.h - plain HTTP: what is served under which path, and how an answer is written.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_ROUTES_H
#define EH_APP_ROUTES_H

#include "app/conn/conn.h"
#include "proto/http.h"

struct http_answer {
    int status;
    const char *type; /* Content-Type; NULL: no body */
    struct str body;
    struct str extra; /* more header lines, each with its CRLF */
};

/* Answers a request, or (rq NULL) something after which nothing can be read as one. */
void http_send(struct conn *c, const struct http_request *rq, const struct http_answer *a);
/* A head, to which it adds Date, and what of the body is there already, as one unit. */
void http_send_unit(struct conn *c, const struct http_response *head, struct str body);
/* Answers a request whose head is gone. */
void http_send_later(struct conn *c, bool keep_alive, const struct http_answer *a);
void http_send_continue(struct conn *c);               /* 100: who asked may send the body */
void http_add_error(struct buf *out, const char *why); /* {"error":"…"} */
void http_send_error(struct conn *c, const struct http_request *rq, int status, const char *why,
                     struct str extra);

/* Answers every request that is no upgrade. True when the path is one of ours, so that it does not
 * upgrade either. */
bool routes_handle(struct conn *c, const struct http_request *rq);

/* http_topic.c: a request for /<topic>: a POST, or one that accepts events, or it is refused. */
void http_topic_handle(struct conn *c, const struct http_request *rq);

void http_topic_count(struct conn *c, int status); /* a refusal */
void http_topic_refuse(struct conn *c, const struct http_request *rq, int status, const char *why);
/* Who asks (c->auth from then on) and for what, the path decoded: a topic, or with AUTH_READ also a
 * pattern. EH_EINVAL: it was refused with 400, 401 or 403. */
int http_topic_open(struct conn *c, const struct http_request *rq, enum auth_right right,
                    struct buf *ret_topic) EH_MUST_USE;

/* upgrade.c: a request that wants to be a WebSocket. */
bool upgrade_is_wanted(const struct http_request *rq);
void upgrade_handle(struct conn *c, const struct http_request *rq);

#endif
