/* fds.h - the descriptors that a process begins with.
 * Thread:  main, before the others start.
 */
#ifndef EH_BASE_FDS_H
#define EH_BASE_FDS_H

#include <stdbool.h>

#include "base/err.h"

/* Opens the descriptors 0 to 2 on /dev/null where they are closed. Must run before anything else
 * opens a descriptor: a socket would get the number 2, and log lines would be written to a client.
 * False: /dev/null cannot be opened. */
bool fds_open_standard(void) EH_MUST_USE;

#endif
