/* clean.h - spells out the characters of a text from outside that could drive a terminal, or make
 * it show something other than what is there.
 * Thread:  any; pure.
 */
#ifndef EH_CTL_CLEAN_H
#define EH_CTL_CLEAN_H

#include <stdbool.h>

#include "base/buf.h"

/* Appends the text. Control characters (C0, DEL, C1), marks and overrides of the direction of text,
 * line and paragraph separators, and bytes that are not UTF-8 are spelled out: \x1b \u202e \xff.
 * Line breaks and tabs stay as they are; with one_line they become \n and \t. Backslashes stay as
 * they are: the result is for eyes, not for a parser. */
void clean_add(struct buf *out, struct str text, bool one_line);
/* Appends JSON text in which such characters are escaped, if JSON itself allows them. They can only
 * occur in strings, so the value stays the same. */
void clean_add_json(struct buf *out, struct str text);
/* Returns the length of a part of clean text that ends between characters and takes at most
 * `columns`. Counts every character from U+1100 on as two: East Asian ones and emoji are. */
size_t clean_cut(struct str text, size_t columns);

#endif
