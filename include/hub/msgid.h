/* msgid.h - message ids `<ms>-<seq>`, which increase over all topics of a deployment. They are
 * compared as two numbers, never as text.
 * Thread:  any; pure. Inline, except parse and format, which are in message.c.
 */
#ifndef EH_HUB_MSGID_H
#define EH_HUB_MSGID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define MSGID_TEXT 42 /* two 20-digit numbers, '-', NUL */

struct msgid {
    uint64_t ms;
    uint64_t seq;
};

static inline int msgid_cmp(struct msgid a, struct msgid b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

static inline bool msgid_is_zero(struct msgid id)
{
    return id.ms == 0 && id.seq == 0;
}

static inline struct msgid msgid_later(struct msgid a, struct msgid b)
{
    return msgid_cmp(a, b) > 0 ? a : b;
}

/* Returns the least id above id; the highest one itself. */
static inline struct msgid msgid_next(struct msgid id)
{
    if (id.seq < UINT64_MAX)
        return (struct msgid){ .ms = id.ms, .seq = id.seq + 1 };
    if (id.ms < UINT64_MAX)
        return (struct msgid){ .ms = id.ms + 1 };
    return id;
}

/* Returns the greatest id below id, which is not zero. */
static inline struct msgid msgid_before(struct msgid id)
{
    if (id.seq == 0)
        return (struct msgid){ .ms = id.ms - 1, .seq = UINT64_MAX };
    return (struct msgid){ .ms = id.ms, .seq = id.seq - 1 };
}

/* Parses `<ms>-<seq>`, two decimal uint64. EH_EINVAL: anything else, even a bare `<ms>`. */
int msgid_parse(struct str s, struct msgid *ret) EH_MUST_USE;
size_t msgid_format(struct msgid id, char out[MSGID_TEXT]); /* adds a NUL; returns the length */

#endif
