/* handover.h - listening sockets that whoever started us has opened: descriptors from 3 on, as
 * LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES say (systemd's socket units). They outlive us, so that
 * connections wait in them while another process takes our place.
 * Thread:  main, before the others start.
 * Owns:    nothing: the descriptors are the caller's.
 */
#ifndef EH_APP_HANDOVER_H
#define EH_APP_HANDOVER_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define HANDOVER_MAX      8 /* sockets */
#define HANDOVER_FIRST_FD 3

struct handover {
    size_t n;
    struct str names[HANDOVER_MAX]; /* of descriptor HANDOVER_FIRST_FD + i; live in `text` */
    char *text;
};

/* n is 0 where none are for this process. One without a name is called "http". Removes the
 * variables from the environment. Fails with static text in *ret_why. */
int handover_take(struct handover *ret, const char **ret_why) EH_MUST_USE;
void handover_done(struct handover *h);

#endif
