/* memory.h - how much memory this process may use. Thread: main; reads files. */
#ifndef EH_APP_MEMORY_H
#define EH_APP_MEMORY_H

#include <stdint.h>

/* Returns bytes: the memory of the machine, or less if a control group of the process (version 1 or
 * 2), or a group above it, has a limit. `root` is "", or a directory in place of / for tests. */
uint64_t memory_available(const char *root);

#endif
