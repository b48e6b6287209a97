/* http_later.h - a request that is answered later: reads its body, and holds the connection until
 * the answer.
 * Thread:  the connection's worker.
 * Owns:    the struct http_later, from http_later_begin until the answer or the end of the
 *          connection, when kind->forget releases the struct that contains it.
 * Bounds:  a body of MAX_MESSAGE_SIZE, which must arrive within WEBSOCKET_HANDSHAKE_TIMEOUT after
 *          the head (408). One request at a time: later input waits until the request is answered.
 */
#ifndef EH_APP_HTTP_LATER_H
#define EH_APP_HTTP_LATER_H

#include "app/conn/conn.h"
#include "proto/http_chunked.h"

struct http_later;

/* The handlers of one kind of request. */
struct http_later_kind {
    /* The whole body is in c->message. Answers, or calls http_later_wait and answers later. */
    void (*on_body)(struct conn *c);
    void (*forget)(struct http_later *later);
    const char *not_done; /* the error if the server goes away before on_body */
};

struct http_later {
    const struct http_later_kind *kind;
    const struct conn_protocol *before; /* HTTP, to which the connection returns */
    bool keep_alive;
    bool chunked;
    uint64_t left; /* bytes to come of a body that is not chunked */
    struct http_chunked chunks;
};

/* Returns the status with which the head must be refused because of its body, or because too much
 * waits for the broker (503); *ret_why is then the reason. 0: the body may come. */
int http_later_refusal(const struct conn *c, const struct http_request *rq, const char **ret_why);
/* Takes the struct, whose kind is set, as c->later, and reads the body. */
void http_later_begin(struct conn *c, const struct http_request *rq, struct http_later *later);

/* Makes the request wait for the broker, whose calls have a deadline of their own. */
void http_later_wait(struct conn *c);
/* Answers with JSON, and continues with the next request if the connection may be kept. */
void http_later_answer(struct conn *c, int status, struct str json, struct str extra);
/* Answers with {"error":"why"} and counts the refusal, except for a 401, which authorize.h has
 * counted. */
void http_later_fail(struct conn *c, int status, const char *why);

#endif
