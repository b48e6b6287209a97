/* file.h - reads a file that the options name, or stdin.
 * Thread:  any that may block for a moment: main, and the broker's for its login.
 */
#ifndef EH_BASE_FILE_H
#define EH_BASE_FILE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define FILE_KEY_MAX 65536

/* Appends the whole file to *ret. EH_ELIMIT: it has more than max bytes; EH_EIO: see errno. */
int file_read(const char *path, size_t max, struct buf *ret) EH_MUST_USE;
/* Does the same for stdin, to its end, also if it is a socket, which has no path. */
int file_read_stdin(size_t max, struct buf *ret) EH_MUST_USE;

/* Does the same for a secret or a key, which must be text of 1 to FILE_KEY_MAX bytes. Returns NULL,
 * or what is wrong ("the file is empty"), without any of the file's content. */
const char *file_read_key(const char *path, struct buf *ret) EH_MUST_USE;

/* Does the same for a secret of at least one byte, without the line break that editors put at the
 * end of a file. The view is into *text, which the caller frees. */
const char *file_read_secret(const char *path, struct buf *text, struct str *ret) EH_MUST_USE;

#endif
