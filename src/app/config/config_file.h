/* config_file.h - the syntax of the configuration file.
 *   name = value          # a comment, at the start of a line or after white space
 *   name = 'a # b'        # quotes, single or double, are taken off; nothing is escaped in them
 * Thread:  any; pure: text in, settings out.
 * Borrows: names and values are views into the text.
 * Fails:   a line that is none of these, holds a control character or is longer than
 *          CONFIG_LINE_MAX is reported with its number, and nothing after it is read.
 */
#ifndef EH_APP_CONFIG_FILE_H
#define EH_APP_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define CONFIG_LINE_MAX 8192
#define CONFIG_FILE_MAX (256 * 1024) /* for who reads the file */

/* Where reading stands: .rest is the text at first. */
struct config_file {
    struct str rest;
    size_t line; /* number of the last line read, from 1 */
};

struct config_setting {
    struct str name;
    struct str value; /* may be empty */
};

/* The next setting. False: the end, or, where *ret_why was set, a line that is wrong. */
bool config_file_next(struct config_file *f, struct config_setting *ret,
                      const char **ret_why) EH_MUST_USE;

#endif
