/* api_ask.h - asks all workers of all nodes on behalf of a request of the control API, and answers
 * with what they say (api_worker.h).
 * Thread:  the connection's worker.
 * Owns:    a question, until its request is answered or the connection has ended.
 * Bounds:  a node that does not answer within a second is left out, and the answer has
 *          "complete":false. Without any answer the request fails with 503, unless the question
 *          is_done.
 */
#ifndef EH_APP_API_ASK_H
#define EH_APP_API_ASK_H

#include <stdbool.h>
#include <stddef.h>

struct conn;
struct json_t; /* jansson's */

struct api_question {
    struct json_t *text; /* a reference, taken */
    /* Returns the body of the answer, an object; "complete" is added. */
    struct json_t *(*merge)(const struct api_question *q, const struct json_t *answers);
    bool is_done; /* it succeeds even if no worker answers; merge then gets NULL */
    size_t limit; /* for merge */
    void *extra;  /* for merge; taken, and freed with free() */
};

void api_ask(struct conn *c, const struct api_question *question);
/* Answers with the body that a merge would return, whose reference it takes. */
void api_ask_answer(struct conn *c, struct json_t *merged, bool is_complete);

#endif
