/* process.h - figures of this process from /proc, and what the system lets it have.
 * Thread: main (file I/O).
 */
#ifndef EH_APP_PROCESS_H
#define EH_APP_PROCESS_H

#include <stddef.h>
#include <stdint.h>

struct process_figures {
    uint64_t start_s; /* since the epoch */
    uint64_t cpu_ms;  /* user and system */
    uint64_t rss;     /* bytes */
    uint64_t fds;     /* open */
    uint64_t max_fds; /* that may be */
};

/* What cannot be read stays 0. */
void process_read(struct process_figures *ret);

size_t process_count_cpus(void); /* those that it may use */
/* Every client is a descriptor: raises the soft limit to the hard one, and returns it. */
uint64_t process_raise_fd_limit(void);

#endif
