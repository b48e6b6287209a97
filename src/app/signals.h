/* signals.h - delivers SIGTERM, SIGINT and SIGHUP as events of a loop.
 * Thread:  main, before the others start: the signals are blocked here and so in every thread.
 */
#ifndef EH_APP_SIGNALS_H
#define EH_APP_SIGNALS_H

#include "net/loop.h"

/* Runs io->fn when one of the signals has arrived. EH_EIO. */
int signals_watch(struct loop *lp, struct loop_io *io) EH_MUST_USE;
int signals_read(const struct loop_io *io); /* returns the next signal; 0: none */

#endif
