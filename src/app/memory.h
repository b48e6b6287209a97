/* memory.h - how much memory this process may use.
 * Thread:  main (file I/O).
 */
#ifndef EH_APP_MEMORY_H
#define EH_APP_MEMORY_H

#include <stdint.h>

/* Returns the memory of the machine in bytes, or less if a control group of the process (version 1
 * or 2), or a group above it, has a limit. `root` is "", or in tests a directory in place of /. */
uint64_t memory_available(const char *root);

#endif
