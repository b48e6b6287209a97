/* notify.h - reports the server's state to the service manager, as systemd's sd_notify does: by
 * datagrams to the Unix socket named in NOTIFY_SOCKET.
 * Thread:  its owner's; in the server, main.
 * Owns:    its own end of the socket.
 * Waits:   at most NOTIFY_WAIT_MS for a manager that does not read; then the datagram is lost.
 */
#ifndef EH_NET_NOTIFY_H
#define EH_NET_NOTIFY_H

#include <stdint.h>

#include "base/err.h"

#define NOTIFY_WAIT_MS 500

struct notify;

/* path is a path, or "@name" in the abstract namespace. EH_EINVAL: neither, or too long; EH_EIO:
 * errno. */
int notify_create(const char *path, struct notify **ret) EH_MUST_USE;
void notify_free(struct notify *n);

/* Sends assignments, one per line: "READY=1\nSTATUS=...". */
void notify_send(const struct notify *n, const char *state);

/* Returns how often the manager expects WATCHDOG=1, in ms, given the values of WATCHDOG_USEC and
 * WATCHDOG_PID (NULL: not set). 0: never, or not from this process. */
uint64_t notify_watchdog_ms(const char *usec, const char *pid);

#endif
