/* config_file.h - the syntax of the configuration file.
 *   name = value          # a comment begins a line, or follows white space
 *   name = 'a # b'        # single or double quotes are removed; nothing inside is escaped
 * Thread:  any; pure: text in, settings out.
 * Borrows: names and values are views into the text.
 * Fails:   on a line that has another form, contains a control character or is longer than
 *          CONFIG_LINE_MAX. Its number is in struct config_file, and nothing after it is read.
 */
#ifndef EH_APP_CONFIG_FILE_H
#define EH_APP_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define CONFIG_LINE_MAX 8192
#define CONFIG_FILE_MAX (256 * 1024) /* bytes; config_load refuses a larger file */

/* The position of the reader. Set .rest to the whole text first. */
struct config_file {
    struct str rest;
    size_t line; /* the last line that was read, from 1 */
};

struct config_setting {
    struct str name;
    struct str value; /* may be empty */
};

/* Reads the next setting. False: the end of the text or, if it set *ret_why ("must be name =
 * value"), a faulty line. */
bool config_file_next(struct config_file *f, struct config_setting *ret,
                      const char **ret_why) EH_MUST_USE;

#endif
