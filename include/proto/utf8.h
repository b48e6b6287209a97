/* utf8.h - UTF-8 checked as it arrives (RFC 3629): no overlong forms, no surrogates, nothing above
 * U+10FFFF. Thread: any; pure. The state may be cut at every byte.
 */
#ifndef EH_PROTO_UTF8_H
#define EH_PROTO_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define UTF8_START 0u

/* Goes on from *state (UTF8_START at first) over n bytes. False at the first byte that cannot
 * stand there. The text may end only where *state is UTF8_START again. */
bool utf8_feed(uint32_t *state, const char *p, size_t n);
bool utf8_is_valid(struct str s);

#endif
