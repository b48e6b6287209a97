/* utf8.h - checks UTF-8 as it arrives (RFC 3629): no overlong forms, no surrogates, nothing above
 * U+10FFFF.
 * Thread:  any; pure.
 */
#ifndef EH_PROTO_UTF8_H
#define EH_PROTO_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define UTF8_START 0u

/* Checks n more bytes of a text, which may be split anywhere. *state is UTF8_START at first. False:
 * a byte is invalid. The text is complete only when *state is UTF8_START again. */
bool utf8_feed(uint32_t *state, const char *p, size_t n);
bool utf8_is_valid(struct str s);

#endif
