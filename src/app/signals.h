/* signals.h - the signals that mean something to the server, as events of a loop.
 * Thread:  main, before the others start: they are blocked here and so in every thread.
 */
#ifndef EH_APP_SIGNALS_H
#define EH_APP_SIGNALS_H

#include "net/loop.h"

/* Runs io->fn when SIGTERM, SIGINT or SIGHUP has come. EH_EIO. */
int signals_watch(struct loop *lp, struct loop_io *io) EH_MUST_USE;
int signals_read(const struct loop_io *io); /* the number of one that has come; 0: none */

#endif
