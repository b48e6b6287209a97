/* str.h - a view of text: pointer and length, no ownership, no terminator, may hold NUL bytes.
 * Dies with the bytes that it points into.
 */
#ifndef EH_BASE_STR_H
#define EH_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_ARG(s)   (int)(s).n, (s).p /* for "%.*s" */

static inline struct str str_make(const char *p, size_t n)
{
    return (struct str){ p, n };
}

static inline struct str str_of(const char *z)
{
    return (struct str){ z, strlen(z) };
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_starts_with(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* The rest of s after its first n bytes; n <= s.n. */
static inline struct str str_skip(struct str s, size_t n)
{
    return (struct str){ s.p + n, s.n - n };
}

bool str_eq_nocase(struct str a, struct str b);            /* ASCII only, whatever the locale */
bool str_consists_of(struct str s, const bool chars[256]); /* of these bytes alone */
struct str str_trim(struct str s);                         /* spaces and tabs at both ends */

/* Cuts s at the first sep: *ret_head is what stands before it, s becomes what stands after.
 * Without a sep the head is all of s, and s becomes {NULL, 0}. False when s was {NULL, 0}. */
bool str_cut(struct str *s, char sep, struct str *ret_head);

#define STR_U64 20 /* bytes that the largest takes */

size_t str_format_u64(uint64_t v, char *out); /* in decimal, without a NUL; returns the length */
/* Decimal digits only, at least one; EH_EINVAL for anything else, EH_ELIMIT out of range. */
int str_parse_u64(struct str s, uint64_t *ret) EH_MUST_USE;
/* The same with an optional '-'. */
int str_parse_i64(struct str s, int64_t *ret) EH_MUST_USE;

#endif
