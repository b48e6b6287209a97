/* finding.h - one thing that a check of the broker found out (redis_check.h). Plain data. */
#ifndef EH_BROKER_FINDING_H
#define EH_BROKER_FINDING_H

#define FINDING_TEXT_MAX 400 /* bytes, with the NUL */

enum finding_level {
    FINDING_OK,
    FINDING_SKIP, /* not checked: not permitted, or impossible after a failure */
    FINDING_WARN,
    FINDING_FAIL, /* the server could not work */
};

/* Takes a finding: one line of printable text, without a secret. */
typedef void finding_fn(void *owner, enum finding_level level, const char *text);

#endif
