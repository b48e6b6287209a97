/* handover.h - listening sockets that the parent process has opened, as systemd's socket units do:
 * descriptors from 3 on, described by LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES (sd_listen_fds(3)).
 * They outlive this process, so that connections wait in them while another one takes its place.
 * Thread:  main, before the others start.
 * Owns:    no descriptor: they are the caller's.
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
    struct str names[HANDOVER_MAX]; /* of descriptor HANDOVER_FIRST_FD + i; views into `text` */
    char *text;
};

/* Reads the variables and removes them from the environment. n is 0 if no sockets are meant for
 * this process; a single socket without a name is called "http". EH_EINVAL: *ret_why is a static
 * text. */
int handover_take(struct handover *ret, const char **ret_why) EH_MUST_USE;
void handover_done(struct handover *h);

#endif
