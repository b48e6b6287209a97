/* memory.h - how much memory there is for this process. Thread: main; reads files.
 */
#ifndef EH_APP_MEMORY_H
#define EH_APP_MEMORY_H

#include <stdint.h>

/* Bytes: the machine's, or less where a control group that the process is in (version 1 or 2, or
 * one above it) has a limit. `root` is "", or a directory in place of / (for tests). */
uint64_t memory_available(const char *root);

#endif
