/* watchdog.h - checks that every event loop of the process still runs: each gets a mail and sends
 * it back from its own thread.
 * Thread:  main.
 * Owns:    the mails.
 * Borrows: the mailboxes. Before a loop ends, remove its mailbox, then drain it; before
 *          watchdog_free, drain the answers in `home`.
 * Costs:   two mails for each loop and period.
 */
#ifndef EH_APP_WATCHDOG_H
#define EH_APP_WATCHDOG_H

#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"
#include "net/mailbox.h"

#define WATCHDOG_NAME_MAX 16 /* like the name of a thread */

struct watchdog;

struct watchdog_config {
    struct loop *loop;
    struct mailbox *home; /* of this loop; the answers arrive in it */
    size_t max_loops;
    uint64_t period_ms;
    void (*on_alive)(void *arg);                    /* all loops have answered */
    void (*on_silent)(void *arg, const char *name); /* this loop was silent for a whole period */
    void *arg;
};

struct watchdog *watchdog_create(const struct watchdog_config *config);
void watchdog_add(struct watchdog *w, const char *name, struct mailbox *box);
void watchdog_remove(struct watchdog *w, const struct mailbox *box); /* NULL or unknown is fine */
void watchdog_start(struct watchdog *w); /* sends the first mails at once */
void watchdog_free(struct watchdog *w);

#endif
