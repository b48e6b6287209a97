/* file.h - reads a small file that the configuration names. Thread: main, before the others start.
 */
#ifndef EH_APP_FILE_H
#define EH_APP_FILE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the whole file. EH_ELIMIT: it has more than max bytes; EH_EIO: errno. */
int file_read(const char *path, size_t max, struct buf *ret) EH_MUST_USE;

#endif
