/* process.h - figures of this process from /proc, and the resources that the system grants it.
 * Thread:  main (file I/O).
 */
#ifndef EH_APP_PROCESS_H
#define EH_APP_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct process_figures {
    uint64_t start_s; /* since the epoch */
    uint64_t cpu_ms;  /* user and system */
    uint64_t rss;     /* bytes */
    uint64_t fds;     /* open */
    uint64_t max_fds; /* the limit on them */
};

/* A figure that cannot be read is 0. */
void process_read(struct process_figures *ret);

size_t process_count_cpus(void); /* that the process may use */
/* Raises the soft limit on descriptors to the hard limit, since every client needs a descriptor.
 * Returns the new limit. */
uint64_t process_raise_fd_limit(void);

#endif
