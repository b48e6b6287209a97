/* exit_status.h - the exit statuses of eventhubctl, and the table that describes them in the help,
 * the manual page and docs/eventhubctl.md.
 * Thread:  any; constants.
 */
#ifndef EH_CTL_EXIT_STATUS_H
#define EH_CTL_EXIT_STATUS_H

#include <stddef.h>

enum exit_status {
    CTL_OK = 0,
    CTL_NEGATIVE = 1,      /* the answer is no: no such key, not ready, lost, publish refused */
    CTL_USAGE = 2,         /* wrong options, arguments or input files */
    CTL_NO_CONNECTION = 3, /* not reachable, TLS, not an Eventhub server, connection lost */
    CTL_NOT_PERMITTED = 4, /* the token is missing, not valid, or does not give the right */
    CTL_TIMEOUT = 5,       /* a connected server did not answer, or --timeout ended the command */
    CTL_INTERRUPTED = 130, /* Ctrl-C, SIGTERM */
};

struct exit_status_text {
    enum exit_status status;
    const char *about;
};
extern const struct exit_status_text exit_status_texts[];
extern const size_t exit_status_count;

#endif
