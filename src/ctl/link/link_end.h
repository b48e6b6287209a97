/* link_end.h - how a connection was refused or ended, as an exit status and as one line for
 * people.
 * Thread:  any; pure.
 */
#ifndef EH_CTL_LINK_END_H
#define EH_CTL_LINK_END_H

#include <stdbool.h>

#include "base/buf.h"

struct reply_reader;
struct target;

/* The reason why a connection was not made, or ended. */
struct link_end {
    const char *why; /* one line, clean; NULL: it ended as ws_link_close asked */
    int status;      /* CTL_NO_CONNECTION, CTL_NOT_PERMITTED, CTL_USAGE, CTL_NEGATIVE */
    bool is_final;   /* neither time nor another message heals it: do not connect again */
};

/* The server answered the handshake with something other than 101. Fills in *ret but its text,
 * which it adds. */
void link_end_refused(struct buf *out, const struct target *t, const struct reply_reader *r,
                      struct link_end *ret);
/* Adds what to do about 401, which is about the token, or 403, which is about the right or the
 * origin; the server's own text says which. */
void link_end_add_token_hint(struct buf *out, const struct target *t);
/* The server sent something that no Eventhub server sends. */
void link_end_not_ours(struct buf *out, const struct target *t, const char *why,
                       struct link_end *ret);
/* The server answered with something other than HTTP. */
void link_end_not_http(struct buf *out, const struct target *t, const struct reply_reader *r,
                       struct link_end *ret);
/* The server closed the connection with a Close frame. */
void link_end_closed(struct buf *out, const struct target *t, int code, struct str reason,
                     struct link_end *ret);

#endif
