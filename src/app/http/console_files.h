/* console_files.h - the files of the console, which the build embeds (cmake/EmbedConsole.cmake).
 * Thread:  any; constant.
 */
#ifndef EH_APP_CONSOLE_FILES_H
#define EH_APP_CONSOLE_FILES_H

#include "base/str.h"

/* The bytes of a file in one encoding. */
struct console_bytes {
    const char *tag; /* ETag, with its quotes: it changes with the contents */
    struct str bytes;
};

struct console_file {
    const char *path; /* below /console/; "": the page */
    const char *type; /* Content-Type */
    struct console_bytes plain;
    struct console_bytes gzip; /* no bytes: it would not be shorter */
};

/* Finds a file by its path below /console/, as it stands in the request: an encoded path names no
 * file. NULL: there is none. */
const struct console_file *console_file_find(struct str path);

#endif
