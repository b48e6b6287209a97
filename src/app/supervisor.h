/* supervisor.h - reports to the service manager (systemd's Type=notify and WatchdogSec, see
 * sd_notify(3)): ready, status, reloading, stopping, and that all event loops respond.
 * Thread:  main.
 * Without NOTIFY_SOCKET in the environment, every function does nothing.
 */
#ifndef EH_APP_SUPERVISOR_H
#define EH_APP_SUPERVISOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/loop.h"
#include "net/mailbox.h"

struct supervisor;

/* Watches at most max_loops loops. Their answers arrive in `home`, a mailbox of `loop`. */
struct supervisor *supervisor_create(struct loop *loop, struct mailbox *home, size_t max_loops);
void supervisor_watch(struct supervisor *s, const char *name, struct mailbox *box);
void supervisor_unwatch(struct supervisor *s, const struct mailbox *box);
/* Call it after the mailboxes of all loops, and then `home`, were drained. */
void supervisor_free(struct supervisor *s);

void supervisor_ready(struct supervisor *s);
void supervisor_status(struct supervisor *s, const char *format, ...)
    EH_PRINTF(2, 3); /* one line */
void supervisor_reloading(struct supervisor *s);
void supervisor_reloaded(struct supervisor *s);
/* Asks the manager to wait at least most_ms for the end. */
void supervisor_stopping(struct supervisor *s, uint64_t most_ms);

#endif
