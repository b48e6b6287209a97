/* notify.h - tells the service manager how we are: datagrams to the Unix socket that NOTIFY_SOCKET
 * names (what systemd calls sd_notify).
 * Thread:  its owner's; of the server: main.
 * Owns:    a socket of its own, and nothing of the manager's.
 * Waits:   for a manager that does not read, NOTIFY_WAIT_MS at most; what it does not take is lost.
 */
#ifndef EH_NET_NOTIFY_H
#define EH_NET_NOTIFY_H

#include <stdint.h>

#include "base/err.h"

#define NOTIFY_WAIT_MS 500

struct notify;

/* A path, or "@name" of the abstract namespace. EH_EINVAL: neither, or too long; EH_EIO: errno. */
int notify_create(const char *path, struct notify **ret) EH_MUST_USE;
void notify_free(struct notify *n);

/* Assignments, one a line: "READY=1\nSTATUS=...". */
void notify_send(const struct notify *n, const char *state);

/* How often the manager wants to hear WATCHDOG=1, in ms, from the values of WATCHDOG_USEC and
 * WATCHDOG_PID (NULL: not set). 0: it does not, or not from this process. */
uint64_t notify_watchdog_ms(const char *usec, const char *pid);

#endif
