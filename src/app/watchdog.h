/* watchdog.h - asks each loop of the process by mail whether it still turns.
 * Thread:  main's. The question is a mail that each loop sends back from its own thread.
 * Owns:    the questions. The boxes are borrowed: one whose loop ends is removed first, drained
 *          after that, and the answers in `home` are drained before watchdog_free.
 * Cost:    two mails a loop in each period.
 */
#ifndef EH_APP_WATCHDOG_H
#define EH_APP_WATCHDOG_H

#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"
#include "net/mailbox.h"

#define WATCHDOG_NAME_MAX 16 /* as of a thread */

struct watchdog;

struct watchdog_config {
    struct loop *loop;
    struct mailbox *home; /* of this loop: where answers go */
    size_t max_loops;
    uint64_t period_ms;
    void (*on_alive)(void *arg);                    /* all that were asked have answered */
    void (*on_silent)(void *arg, const char *name); /* not for a whole period; then each period */
    void *arg;
};

struct watchdog *watchdog_create(const struct watchdog_config *config);
void watchdog_add(struct watchdog *w, const char *name, struct mailbox *box);
void watchdog_remove(struct watchdog *w, const struct mailbox *box); /* fine when it is not there */
void watchdog_start(struct watchdog *w); /* asks for the first time at once */
void watchdog_free(struct watchdog *w);

#endif
