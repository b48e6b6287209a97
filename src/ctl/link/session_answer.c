#include "ctl/link/session_answer.h"

#include "ctl/term/clean.h"
#include "ctl/term/exit_status.h"
#include "proto/jsonrpc.h"

/* The server sends refusals for want of a right as invalid parameters with this message. */
static bool is_not_allowed(const struct session_answer *a)
{
    return str_eq(a->message, STR("Not allowed"));
}

int session_exit_status(const struct session_answer *answer)
{
    switch (answer->state) {
    case SESSION_ANSWERED: return CTL_OK;
    case SESSION_REFUSED: return is_not_allowed(answer) ? CTL_NOT_PERMITTED : CTL_NEGATIVE;
    case SESSION_LATE: return CTL_TIMEOUT;
    case SESSION_LOST: return CTL_NO_CONNECTION;
    }
    return CTL_NEGATIVE;
}

static void add_refusal(struct buf *out, const struct session_answer *a)
{
    if (a->code == JSONRPC_BROKER)
        buf_add_str(out, STR("the broker is not available: "));
    else if (!is_not_allowed(a) && a->code != JSONRPC_INVALID_PARAMS)
        buf_add_str(out, STR("the server refused the request: "));
    clean_add(out, a->data.n ? a->data : a->message, true);
}

void session_add_why(struct buf *out, const struct session_answer *answer)
{
    switch (answer->state) {
    case SESSION_ANSWERED: break;
    case SESSION_REFUSED: add_refusal(out, answer); break;
    case SESSION_LATE:
        buf_add_str(out, STR("the server did not answer in time; --timeout waits longer"));
        break;
    case SESSION_LOST:
        buf_add_str(out, STR("the connection was lost before the answer came"));
        break;
    }
}
