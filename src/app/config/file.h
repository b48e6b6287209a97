/* file.h - reads a small file that the configuration names. Thread: main, before the others start.
 */
#ifndef EH_APP_FILE_H
#define EH_APP_FILE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define FILE_KEY_MAX 65536

/* Appends the whole file. EH_ELIMIT: it has more than max bytes; EH_EIO: errno. */
int file_read(const char *path, size_t max, struct buf *ret) EH_MUST_USE;

/* The same for a secret or a key: text, not empty, of at most FILE_KEY_MAX bytes. NULL, or what is
 * wrong with the file, and nothing of what it holds. */
const char *file_read_key(const char *path, struct buf *ret) EH_MUST_USE;

#endif
