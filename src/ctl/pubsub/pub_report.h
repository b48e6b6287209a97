/* pub_report.h - counts the messages of one pub, and tells the user about them: each failure, a
 * progress line, and the result.
 * Thread:  main.
 * Bounds:  reports the first failures one by one, and counts the rest.
 */
#ifndef EH_CTL_PUB_REPORT_H
#define EH_CTL_PUB_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/msgid.h"

struct term;

struct pub_report {
    struct term *term;
    const char *topic;
    const char *noun; /* how a message is called: "line"; NULL: there is only one message */
    bool json;
    uint64_t n_published, n_failed, n_empty;
    uint64_t began_ms;   /* when the first connection was open; 0: never */
    char id[MSGID_TEXT]; /* of the only message; "": it was not published */
    int status;          /* CTL_OK, or that of the first failure */
};

void pub_report_done(struct pub_report *r, const char *id);
void pub_report_fail(struct pub_report *r, uint64_t number, int status, const char *why);

/* n_left: messages that were taken and are not answered. */
void pub_report_progress(const struct pub_report *r, uint64_t now_ms, size_t n_left);
void pub_report_print(const struct pub_report *r, uint64_t now_ms, size_t n_left);

#endif
