/* supervisor.h - what the process says to whoever supervises it (systemd's Type=notify and
 * WatchdogSec): ready, what it does, that it reloads, that it stops, that all its loops turn.
 * Thread:  main.
 * Without: NOTIFY_SOCKET in the environment there is nobody to tell, and all of it does nothing.
 */
#ifndef EH_APP_SUPERVISOR_H
#define EH_APP_SUPERVISOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/loop.h"
#include "net/mailbox.h"

struct supervisor;

/* Loops that supervisor_watch names must answer, in the box `home` of this loop. */
struct supervisor *supervisor_create(struct loop *loop, struct mailbox *home, size_t max_loops);
void supervisor_watch(struct supervisor *s, const char *name, struct mailbox *box);
void supervisor_unwatch(struct supervisor *s, const struct mailbox *box);
/* After the boxes of all loops, and then `home`, were drained. */
void supervisor_free(struct supervisor *s);

void supervisor_ready(struct supervisor *s);
void supervisor_status(struct supervisor *s, const char *format, ...) EH_PRINTF(2, 3); /* a line */
void supervisor_reloading(struct supervisor *s);
void supervisor_reloaded(struct supervisor *s);
/* It may take most_ms, whatever the supervisor had in mind. */
void supervisor_stopping(struct supervisor *s, uint64_t most_ms);

#endif
