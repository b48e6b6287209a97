/* session_answer.h - how a call ended, as an exit status and in words.
 * Thread:  any; pure.
 */
#ifndef EH_CTL_SESSION_ANSWER_H
#define EH_CTL_SESSION_ANSWER_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"

enum session_state {
    SESSION_ANSWERED, /* result is set */
    SESSION_REFUSED,  /* the server answered with an error: code, message, data */
    SESSION_LATE,     /* no answer within the timeout; it may still be executed */
    SESSION_LOST,     /* the connection ended; it may have been executed */
};

struct session_answer {
    enum session_state state;
    json_t *result;     /* borrowed, valid during the call (json_incref keeps it) */
    int64_t code;       /* of a refusal, as are the texts, which are "" otherwise */
    struct str message; /* "Invalid params" */
    struct str data;    /* "message must not be empty" */
};

/* Returns the exit status for an answer: CTL_OK, CTL_NEGATIVE, CTL_NOT_PERMITTED,
 * CTL_TIMEOUT, CTL_NO_CONNECTION. */
int session_exit_status(const struct session_answer *answer);
/* Adds why a call did not succeed, one line, clean for a terminal: `not allowed: the token does not
 * permit reading "a/b"`. */
void session_add_why(struct buf *out, const struct session_answer *answer);

#endif
